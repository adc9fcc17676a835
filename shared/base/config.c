/*
 * The configuration file. inih splits lines into section, name and value
 * and is seen nowhere else; its laxities (values cut at " ;", text behind a
 * section's bracket, one error a file, no line numbers) are met by a reader
 * that looks at each line before inih does and counts.
 */
#include "base/config.h"

#include "base/config_table.h"
#include "base/config_value.h"
#include "base/file.h"
#include "base/gate_rule.h"
#include "base/log.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FILE (256 * 1024)
#define MAX_LINE 4096
/* Less than a line, so that config_show's spelling of it fits into one. */
#define MAX_VALUE 4000
#define MAX_ERRORS 20

struct parser {
	struct config *config;
	const char *name; /* FILE in messages */
	const char *next; /* first byte not read yet */
	const char *end;
	int line; /* of what inih has now */
	bool is_pair_due; /* inih must find a pair in it */
	bool is_section_known;
	struct buf *error;
	int n_errors;
};

int
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (config_value_set(c, k, k->preset) != CONFIG_VALUE_OK) {
			config_fini(c);
			return -1;
		}
	}
	return 0;
}

void
config_fini(struct config *c)
{
	for (size_t i = 0; i < config_key_count(); i++)
		config_value_clear(c, config_key_info(i));
	memset(c, 0, sizeof(*c));
}

/* --- messages ----------------------------------------------------------- */

/* What a file says, cut and escaped for a message. */
struct shown {
	char text[100];
};

static struct shown
show(const char *bytes)
{
	struct shown s = {""};
	size_t n = strlen(bytes);
	size_t len = log_escape(bytes, n, s.text, sizeof(s.text) - 3);
	/* Only an escape makes it longer, so a full length is a cut. */
	if (len < n)
		memcpy(s.text + len, "...", 4);
	return s;
}

/* Starts a message; false when enough was said. */
static bool
complain_at(struct parser *p, int line)
{
	p->n_errors++;
	if (p->n_errors > MAX_ERRORS)
		return false;
	if (p->n_errors == MAX_ERRORS) {
		buf_printf(p->error, "%s: more errors follow\n", p->name);
		return false;
	}
	buf_printf(p->error, "%s:%d: ", p->name, line);
	return true;
}

static void complain(struct parser *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	if (!complain_at(p, p->line))
		return;
	va_start(ap, fmt);
	buf_vprintf(p->error, fmt, ap);
	va_end(ap);
	buf_putc(p->error, '\n');
}

static void
complain_section(struct parser *p, const char *section)
{
	const char *last = NULL;

	if (!complain_at(p, p->line))
		return;
	buf_printf(
	    p->error, "unknown section [%s]; allowed:", show(section).text);
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (last == NULL || strcmp(k->section, last) != 0)
			buf_printf(p->error, " [%s]", k->section);
		last = k->section;
	}
	buf_putc(p->error, '\n');
}

static void
complain_key(struct parser *p, const char *section, const char *name)
{
	if (!complain_at(p, p->line))
		return;
	buf_printf(p->error,
	    "unknown key %s in [%s]; allowed:", show(name).text, section);
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (strcmp(k->section, section) == 0)
			buf_printf(p->error, " %s", k->name);
	}
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (strcmp(k->name, name) == 0)
			buf_printf(p->error, " (%s belongs to [%s])", k->name,
			    k->section);
	}
	buf_putc(p->error, '\n');
}

static void
complain_value(struct parser *p, const struct config_key *k, const char *value)
{
	if (!complain_at(p, p->line))
		return;
	buf_printf(p->error, "%s.%s cannot be \"%s\"; allowed: ", k->section,
	    k->name, show(value).text);
	config_value_allowed(k, p->error);
	buf_putc(p->error, '\n');
}

/* --- lines -------------------------------------------------------------- */

static bool
is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

/* No control bytes: they could hide what a file says from its reader. */
static bool
is_line_clean(struct parser *p, const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)line[i];
		if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
			complain(p, "control byte 0x%02x; allowed: text", ch);
			return false;
		}
	}
	return true;
}

/* No comment behind the value: inih would cut the value there. */
static bool
is_pair_clean(struct parser *p, const char *line, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if ((line[i] == ';' || line[i] == '#') &&
		    is_blank(line[i - 1])) {
			complain(p,
			    "a comment behind a value; allowed: "
			    "comments on lines of their own");
			return false;
		}
	}
	return true;
}

/* n bytes from '[' on. */
static bool
is_section_clean(struct parser *p, const char *line, size_t n)
{
	char section[MAX_LINE];

	p->is_section_known = false;
	if (n < 2 || line[n - 1] != ']') {
		complain(
		    p, "a section that has no ] at its end; allowed: [NAME]");
		return false;
	}
	memcpy(section, line + 1, n - 2);
	section[n - 2] = '\0';
	p->is_section_known = config_section_exists(section);
	if (!p->is_section_known)
		complain_section(p, section);
	return true;
}

/*
 * inih's fgets: the next line that is worth its while, without leading
 * blanks (they would make it a continuation of the last value). A line that
 * was refused here is not passed on.
 */
static char *
read_line(char *out, int size, void *arg)
{
	struct parser *p = arg;
	/* The newline and the NUL have to fit too. */
	size_t max = (size_t)(size < MAX_LINE ? size : MAX_LINE) - 2;

	if (p->is_pair_due)
		complain(p, "neither [SECTION] nor KEY = VALUE");
	p->is_pair_due = false;
	while (p->next < p->end) {
		const char *line = p->next;
		const char *eol = memchr(line, '\n', (size_t)(p->end - line));
		p->next = eol == NULL ? p->end : eol + 1;
		p->line++;
		size_t n = (size_t)((eol == NULL ? p->end : eol) - line);
		while (n > 0 && (is_blank(line[n - 1]) || line[n - 1] == '\r'))
			n--;
		while (n > 0 && is_blank(*line)) {
			line++;
			n--;
		}
		if (n > max) {
			complain(
			    p, "a line of %zu bytes; allowed: %zu", n, max);
			continue;
		}
		if (!is_line_clean(p, line, n) || n == 0 || *line == ';' ||
		    *line == '#')
			continue;
		if (*line == '[' ? !is_section_clean(p, line, n)
				 : !is_pair_clean(p, line, n))
			continue;
		p->is_pair_due = *line != '[';
		memcpy(out, line, n);
		out[n] = '\n';
		out[n + 1] = '\0';
		return out;
	}
	return NULL;
}

/* inih's handler: a pair. */
static int
take_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct parser *p = arg;

	p->is_pair_due = false;
	if (section[0] == '\0') {
		complain(p, "a key before the first [SECTION]");
		return 1;
	}
	if (!p->is_section_known)
		return 1; /* said at the section's own line */
	int i = config_key_find(section, name);
	if (i == -1) {
		complain_key(p, section, name);
		return 1;
	}
	if (p->config->lines[i] != 0) {
		complain(p, "%s.%s is already set in line %d; allowed: once",
		    section, name, p->config->lines[i]);
		return 1;
	}
	p->config->lines[i] = p->line;
	if (strlen(value) > MAX_VALUE) {
		complain(p, "a value of %zu bytes; allowed: %d", strlen(value),
		    MAX_VALUE);
		return 1;
	}
	const struct config_key *k = config_key_info((size_t)i);
	switch (config_value_set(p->config, k, value)) {
	case CONFIG_VALUE_OK:
		break;
	case CONFIG_VALUE_REFUSED:
		complain_value(p, k, value);
		break;
	case CONFIG_VALUE_NOMEM:
		complain(p, "out of memory");
		break;
	}
	return 1;
}

/* --- what single values cannot show ------------------------------------- */

/* Points p->line at the later of the keys' lines. */
static void
go_to(struct parser *p, const char *section, const char *a, const char *b)
{
	int la = p->config->lines[config_key_find(section, a)];
	int lb = p->config->lines[config_key_find(section, b)];
	p->line = la > lb ? la : lb;
}

/* Also where only the case differs: that could not be told apart. */
static void
check_rules(struct parser *p)
{
	const struct config_list *rules = &p->config->gate.rules;
	struct gate_rule a, b;

	for (size_t i = 1; i < rules->n; i++) {
		gate_rule_parse(rules->items[i], &a);
		for (size_t j = 0; j < i; j++) {
			gate_rule_parse(rules->items[j], &b);
			if (a.n != b.n || strcasecmp(a.path, b.path) != 0)
				continue;
			go_to(p, "gate", "rules", "rules");
			complain(p,
			    "gate.rules has two rules for %s; allowed: one, "
			    "and none that differs in case alone",
			    a.n > 0 ? show(a.path).text : "/");
		}
	}
}

static void
check_together(struct parser *p)
{
	const struct config *c = p->config;

	if (c->login.absolute_lifetime_s > 0 &&
	    c->login.idle_lifetime_s > c->login.absolute_lifetime_s) {
		go_to(p, "login", "idle_lifetime_s", "absolute_lifetime_s");
		complain(p,
		    "login.idle_lifetime_s is above "
		    "login.absolute_lifetime_s; allowed: 0 to %lld",
		    (long long)c->login.absolute_lifetime_s);
	}
	if (c->login.hash_slots > 0 &&
	    c->login.hash_slots >= c->login.workers &&
	    !(c->login.workers == 1 && c->login.hash_slots == 1)) {
		go_to(p, "login", "hash_slots", "workers");
		complain(p,
		    "login.hash_slots is not below login.workers; "
		    "allowed: 0 to %lld",
		    (long long)c->login.workers - 1);
	}
	check_rules(p);
}

int
config_parse(struct config *c, const char *name, const char *bytes, size_t n,
    struct buf *error)
{
	struct parser p = {
	    .config = c,
	    .name = name,
	    .next = bytes,
	    .end = n == 0 ? bytes : bytes + n,
	    .error = error,
	};
	static const char bom[] = {'\xef', '\xbb', '\xbf'};

	if (config_init(c) == -1) {
		buf_printf(error, "%s: out of memory\n", name);
		return -1;
	}
	if (n >= sizeof(bom) && memcmp(bytes, bom, sizeof(bom)) == 0)
		p.next += sizeof(bom);
	/* Debian's inih takes these while running; 200 bytes would not do. */
	ini_use_stack = false;
	ini_max_line = MAX_LINE + 2;
	ini_initial_alloc = MAX_LINE + 2;
	if (ini_parse_stream(read_line, &p, take_pair, &p) < 0) {
		buf_printf(error, "%s: out of memory\n", name);
		p.n_errors++;
	}
	if (p.n_errors == 0)
		check_together(&p);
	if (p.n_errors > 0) {
		config_fini(c);
		return -1;
	}
	return 0;
}

int
config_load(struct config *c, const char *path, struct buf *error)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int rc = -1;

	if (path == NULL) {
		path = CONFIG_PATH_DEFAULT;
		/* Whatever else is wrong with it is an error all the same. */
		if (lstat(path, &st) == -1 && errno == ENOENT)
			return config_parse(c, path, "", 0, error);
	}
	/* /etc may be full of symlinks; what they end at is looked at. */
	char *real = realpath(path, NULL);
	enum file_err err = real == NULL && errno == ENOENT
	    ? FILE_MISSING
	    : file_read(real == NULL ? path : real, MAX_FILE, 0, &text);
	if (err != FILE_OK) {
		buf_printf(error, "%s: %s\n", path,
		    err == FILE_SIZE ? "longer than 256 KiB"
				     : file_strerror(err));
		memset(c, 0, sizeof(*c));
		goto out;
	}
	rc = config_parse(c, path, buf_str(&text), text.len, error);

out:
	buf_fini(&text);
	free(real);
	return rc;
}
