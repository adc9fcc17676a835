/*
 * The configuration written: `config show`, the example file, and what a
 * reload changes. All of it walks the table, so a new key is in all of it.
 */
#include "base/config.h"
#include "base/config_table.h"
#include "base/config_value.h"

#include <string.h>

#define WRAP_COLUMN 76

/* A section's header before its first key. */
static void
begin_section(size_t i, struct buf *out)
{
	const char *section = config_key_info(i)->section;

	if (i == 0 || strcmp(config_key_info(i - 1)->section, section) != 0)
		buf_printf(out, "%s[%s]\n", i == 0 ? "" : "\n", section);
}

int
config_show(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		struct buf value = BUF_INIT;

		begin_section(i, out);
		int rc = config_value_format(c, k, &value);
		if (rc == 0)
			rc = buf_printf(out, "%s =%s%s\n", k->name,
			    value.len > 0 ? " " : "", buf_str(&value));
		buf_fini(&value);
		if (rc == -1)
			return -1;
	}
	return out->has_failed ? -1 : 0;
}

/* Text as comment lines of at most WRAP_COLUMN bytes. */
static void
put_prose(const char *text, struct buf *out)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > WRAP_COLUMN) {
			buf_putc(out, '\n');
			column = 0;
		}
		buf_puts(out, column == 0 ? "# " : " ");
		column += column == 0 ? 2 : 1;
		buf_append(out, text, n);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	if (column > 0)
		buf_putc(out, '\n');
}

int
config_example(struct buf *out)
{
	struct buf allowed = BUF_INIT;

	put_prose("Gatecast's configuration. Every key stands here with its "
		  "default: take away the # before it to change it. Comments "
		  "stand on lines of their own. Check with `gatecast config "
		  "check`; what is reloadable changes with SIGHUP.",
	    out);
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);

		buf_putc(out, '\n');
		begin_section(i, out);
		put_prose(k->help, out);
		buf_reset(&allowed);
		buf_puts(&allowed, "Allowed: ");
		config_value_allowed(k, &allowed);
		buf_puts(&allowed, k->is_reloadable ? ". Reloadable." : ".");
		if (allowed.has_failed)
			out->has_failed = true;
		put_prose(buf_str(&allowed), out);
		buf_printf(out, "#%s =%s%s\n", k->name,
		    k->preset[0] != '\0' ? " " : "", k->preset);
	}
	buf_fini(&allowed);
	return out->has_failed ? -1 : 0;
}

int
config_reload(struct config *live, struct config *fresh, struct buf *restart)
{
	int rc = 0;

	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (!k->is_reloadable && !config_value_equal(live, fresh, k))
			buf_printf(restart, "%s.%s\n", k->section, k->name);
	}
	if (restart->has_failed) {
		rc = -1;
		goto out;
	}
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (k->is_reloadable)
			config_value_swap(live, fresh, k);
	}
	memcpy(live->lines, fresh->lines, sizeof(live->lines));

out:
	config_fini(fresh);
	return rc;
}
