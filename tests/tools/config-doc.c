/*
 * What is written of the configuration, made from its table, for
 * test_manuals.py and for who changes the table:
 *
 *   config-doc example   scripts/deploy/gatecast.conf
 *   config-doc manual    the keys of shared/gatecast.conf.5, as mdoc
 */
#include "base/buf.h"
#include "base/config.h"
#include "base/config_table.h"
#include "base/config_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRAP_COLUMN 72

/* Text as mdoc: a sentence begins a line, and no line is long. */
static void
put_prose(struct buf *out, const char *text)
{
	size_t column = 0;
	bool is_new = false;

	for (text += strspn(text, " "); *text != '\0';) {
		size_t n = strcspn(text, " ");
		if (column > 0 && (column + 1 + n > WRAP_COLUMN || is_new)) {
			buf_putc(out, '\n');
			column = 0;
		}
		if (column > 0)
			buf_putc(out, ' ');
		else if (*text == '.' || *text == '\'')
			buf_puts(out, "\\&");
		buf_append(out, text, n);
		column += n + 1;
		is_new = text[n - 1] == '.' && strncmp(text + n - 2, "..", 2);
		text += n;
		text += strspn(text, " ");
	}
	buf_putc(out, '\n');
}

static void
put_key(struct buf *out, const struct config_key *k)
{
	struct buf text = BUF_INIT;

	buf_printf(out, ".It Va %s\n", k->name);
	put_prose(out, k->help);
	buf_puts(&text, "Allowed: ");
	config_value_allowed(k, &text);
	buf_puts(&text, ".");
	put_prose(out, buf_str(&text));
	if (k->preset[0] != '\0')
		buf_printf(out, "Default:\n.Ql %s .\n", k->preset);
	else
		buf_puts(out, "Default: empty.\n");
	buf_puts(
	    out, k->is_reloadable ? "Reloadable.\n" : "Needs a restart.\n");
	buf_fini(&text);
}

static void
put_manual(struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);

		if (strcmp(section, k->section) != 0) {
			if (i > 0)
				buf_puts(out, ".El\n");
			section = k->section;
			buf_printf(out, ".Ss Section %s\n.Bl -tag -width Ds\n",
			    section);
		}
		put_key(out, k);
	}
	buf_puts(out, ".El\n");
}

int
main(int argc, char **argv)
{
	struct buf out = BUF_INIT;
	const char *what = argc == 2 ? argv[1] : "";

	if (strcmp(what, "example") == 0) {
		config_example(&out);
	} else if (strcmp(what, "manual") == 0) {
		put_manual(&out);
	} else {
		fputs("usage: config-doc example|manual\n", stderr);
		return 2;
	}
	if (out.has_failed)
		return EXIT_FAILURE;
	fputs(buf_str(&out), stdout);
	buf_fini(&out);
	return EXIT_SUCCESS;
}
