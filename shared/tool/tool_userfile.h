/*
 * Accounts as a file: what `gatecast user import` takes and `user export`
 * makes. Pure. A colon in the first line that says something means htpasswd:
 * a line of CSV that names columns has none.
 *
 * htpasswd: NAME:HASH a line; a colon and more behind it is passed over, as
 * are empty lines and lines that begin with '#'.
 *
 * CSV (tool_csv.h): the first line names the columns, in any order. name
 * must be there, and hash or password or both; each line has one of the two.
 * locked is yes, no or empty; created and password_set are times as `user
 * list --json` has them, or empty for now; groups are names with commas
 * between them. No other columns.
 *
 * Both are UTF-8, with or without a byte order mark.
 */
#ifndef TOOL_TOOL_USERFILE_H
#define TOOL_TOOL_USERFILE_H

#include "auth/password.h"
#include "auth/record.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOOL_USERFILE_ERRORS_MAX 100 /* told one by one */

struct tool_userfile_entry {
	struct record_user user; /* hash "" until the password is hashed */
	const char *password; /* into the text; NULL: the hash is there */
	size_t password_len;
	size_t line;
};

struct tool_userfile_opts {
	const char *label; /* of the file, in messages */
	int64_t password_min;
	struct password_cost cost; /* a hash of that cost is never too costly */
	int64_t now_s;
};

struct tool_userfile {
	struct tool_userfile_entry *entries;
	size_t n, cap;
	struct buf errors; /* "LABEL:LINE: what is wrong", a line each */
	size_t n_errors; /* all of them */
	const char *label;
};

/*
 * Reads text, which is altered and must outlive out. All that is wrong goes
 * to out->errors, also that a name comes twice in any case. 0, or -1: no
 * memory. out is to be freed in either case.
 */
int tool_userfile_parse(const struct tool_userfile_opts *opts, char *text,
    size_t n, struct tool_userfile *out);
void tool_userfile_free(struct tool_userfile *f);

/* Adds a line to errors, or only counts it when there are too many. */
void tool_userfile_error(struct tool_userfile *f, size_t line, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Appends the line of a user, and for CSV the first one. 0 or -1. */
int tool_userfile_put_head(struct buf *out);
int tool_userfile_put_csv(struct buf *out, const struct record_user *r);
int tool_userfile_put_htpasswd(struct buf *out, const struct record_user *r);

#endif
