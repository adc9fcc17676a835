/*
 * The CSV half of tool_userfile. A column that is not known is refused: who
 * misspells "locked" would open accounts that were closed.
 */
#include "base/clock.h"
#include "tool/tool_csv.h"
#include "tool/tool_userfile_impl.h"

#include <string.h>

enum column {
	COLUMN_NAME,
	COLUMN_HASH,
	COLUMN_PASSWORD,
	COLUMN_LOCKED,
	COLUMN_CREATED,
	COLUMN_PASSWORD_SET,
	COLUMN_GROUPS,
	N_COLUMNS,
};

static const char *const column_names[N_COLUMNS] = {
    "name", "hash", "password", "locked", "created", "password_set", "groups"};

struct head {
	size_t n;
	int at[N_COLUMNS]; /* which field it is; -1: none */
};

static bool
is_text(const struct tool_csv_field *field, const char *text)
{
	return field->n == strlen(text) &&
	    memcmp(field->p, text, field->n) == 0;
}

static bool
take_head(struct tool_userfile *f, size_t line,
    const struct tool_csv_field *fields, size_t n, struct head *head)
{
	size_t n_errors = f->n_errors;

	head->n = n;
	for (int c = 0; c < N_COLUMNS; c++)
		head->at[c] = -1;
	for (size_t i = 0; i < n; i++) {
		int c = 0;
		while (c < N_COLUMNS && !is_text(&fields[i], column_names[c]))
			c++;
		if (c == N_COLUMNS)
			tool_userfile_error(f, line,
			    "column %zu is none of name, hash, password, "
			    "locked, created, password_set, groups",
			    i + 1);
		else if (head->at[c] != -1)
			tool_userfile_error(f, line,
			    "the column %s comes twice", column_names[c]);
		else
			head->at[c] = (int)i;
	}
	if (f->n_errors == n_errors &&
	    (head->at[COLUMN_NAME] == -1 ||
		(head->at[COLUMN_HASH] == -1 &&
		    head->at[COLUMN_PASSWORD] == -1)))
		tool_userfile_error(f, line,
		    "the first line names the columns: name, and hash or "
		    "password");
	return f->n_errors == n_errors;
}

/* "" where there is no such column. */
static struct tool_csv_field
cell(
    const struct head *head, const struct tool_csv_field *fields, enum column c)
{
	static const struct tool_csv_field none = {"", 0};

	return head->at[c] == -1 ? none : fields[head->at[c]];
}

static bool
take_locked(struct tool_userfile *f, const struct tool_csv_field *field,
    struct tool_userfile_entry *e)
{
	e->user.is_locked = is_text(field, "yes");
	if (e->user.is_locked || is_text(field, "no") || field->n == 0)
		return true;
	tool_userfile_error(f, e->line, "locked is yes, no or empty");
	return false;
}

static bool
take_time(struct tool_userfile *f, const struct tool_csv_field *field,
    enum column c, struct tool_userfile_entry *e, int64_t *out)
{
	int64_t ms;

	if (field->n == 0)
		return true;
	if (clock_parse_rfc3339(field->p, field->n, &ms) == 0 && ms >= 0) {
		*out = ms / 1000;
		return true;
	}
	tool_userfile_error(f, e->line,
	    "%s is a time like 2026-01-31T12:00:00.000Z or empty",
	    column_names[c]);
	return false;
}

/* In any order. */
static void
take_groups(struct tool_userfile *f, const struct tool_csv_field *field,
    struct tool_userfile_entry *e)
{
	const char *p = field->p, *end = p + field->n;
	enum group_err err = GROUP_OK;

	while (field->n > 0 && p <= end && err == GROUP_OK) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma == NULL ? end : comma;
		err = group_list_add(e->user.groups, p, (size_t)(stop - p));
		p = stop + 1;
	}
	if (err != GROUP_OK)
		tool_userfile_error(f, e->line,
		    "groups are names with commas between them: %s",
		    group_strerror(err));
}

static bool
take_line(struct tool_userfile *f, const struct tool_userfile_opts *opts,
    const struct head *head, const struct tool_csv_field *fields,
    struct tool_userfile_entry *e)
{
	size_t n_errors = f->n_errors;
	struct tool_csv_field name = cell(head, fields, COLUMN_NAME);
	struct tool_csv_field hash = cell(head, fields, COLUMN_HASH);
	struct tool_csv_field password = cell(head, fields, COLUMN_PASSWORD);
	struct tool_csv_field locked = cell(head, fields, COLUMN_LOCKED);
	struct tool_csv_field created = cell(head, fields, COLUMN_CREATED);
	struct tool_csv_field set = cell(head, fields, COLUMN_PASSWORD_SET);
	struct tool_csv_field groups = cell(head, fields, COLUMN_GROUPS);

	userfile_take_name(f, name.p, name.n, e);
	if ((hash.n > 0) == (password.n > 0))
		tool_userfile_error(f, e->line, "%s",
		    hash.n > 0 ? "a hash and a password: one of them is needed"
			       : "neither a hash nor a password");
	else if (hash.n > 0)
		userfile_take_hash(f, opts, hash.p, hash.n, e);
	else
		userfile_take_password(f, opts, password.p, password.n, e);
	take_locked(f, &locked, e);
	take_time(f, &created, COLUMN_CREATED, e, &e->user.created_s);
	take_time(f, &set, COLUMN_PASSWORD_SET, e, &e->user.changed_s);
	take_groups(f, &groups, e);
	return f->n_errors == n_errors;
}

int
userfile_parse_csv(const struct tool_userfile_opts *opts, char *text, size_t n,
    struct tool_userfile *f)
{
	struct tool_csv_field fields[TOOL_CSV_FIELDS_MAX];
	struct tool_csv csv;
	struct head head;
	enum tool_csv_err err;
	bool has_head = false;
	size_t n_fields;

	tool_csv_init(&csv, text, n, 1);
	while ((err = tool_csv_next(&csv, fields, &n_fields)) != TOOL_CSV_END) {
		struct tool_userfile_entry e = {.line = csv.line,
		    .user = {
			.created_s = opts->now_s, .changed_s = opts->now_s}};
		if (err != TOOL_CSV_OK)
			tool_userfile_error(
			    f, csv.line, "%s", tool_csv_strerror(err));
		if (!has_head) {
			if (err != TOOL_CSV_OK ||
			    !take_head(f, csv.line, fields, n_fields, &head))
				return 0; /* nothing else can be read */
			has_head = true;
			continue;
		}
		if (err != TOOL_CSV_OK)
			continue;
		if (n_fields != head.n)
			tool_userfile_error(f, csv.line,
			    "%zu fields, and the first line names %zu",
			    n_fields, head.n);
		else if (take_line(f, opts, &head, fields, &e) &&
		    userfile_add_entry(f, &e) == -1)
			return -1;
	}
	return 0;
}

int
tool_userfile_put_head(struct buf *out)
{
	return buf_puts(out, "name,hash,locked,created,password_set,groups\n");
}

int
tool_userfile_put_csv(struct buf *out, const struct record_user *r)
{
	char created[CLOCK_RFC3339_SIZE], set[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(r->created_s * 1000, created);
	clock_format_rfc3339(r->changed_s * 1000, set);
	tool_csv_put(out, r->name);
	buf_putc(out, ',');
	tool_csv_put(out, r->hash);
	buf_printf(
	    out, ",%s,%s,%s,", r->is_locked ? "yes" : "no", created, set);
	tool_csv_put(out, r->groups);
	return buf_putc(out, '\n');
}
