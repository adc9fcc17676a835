/*
 * gatecast user export: all accounts with their hashes, in the order of
 * their names. They are collected first: a store is walked in no order.
 */
#include "auth/crypto.h"
#include "tool/tool.h"
#include "tool/tool_userfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct export
{
	struct record_user *users;
	size_t n, cap;
	bool has_failed; /* no memory */
};

static int
collect(void *arg, const struct record_user *r)
{
	struct export *ex = arg;

	if (ex->n == ex->cap) {
		size_t cap = ex->cap == 0 ? 64 : ex->cap * 2;
		struct record_user *users =
		    reallocarray(ex->users, cap, sizeof(*users));
		if (users == NULL) {
			ex->has_failed = true;
			return -1;
		}
		ex->users = users;
		ex->cap = cap;
	}
	ex->users[ex->n++] = *r;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct record_user *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* What a shell makes of "> FILE" is for all to read, mostly. */
static void
warn_readable(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 0077) != 0)
		fprintf(stderr,
		    "gatecast: standard output is a file with mode %04o and "
		    "gets password hashes: chmod 600 it, or use umask 077\n",
		    (unsigned)st.st_mode & 07777);
}

static int
print_csv(const struct export *ex, struct buf *line)
{
	if (tool_userfile_put_head(line) != 0)
		return -1;
	for (size_t i = 0; i < ex->n; i++) {
		if (tool_userfile_put_csv(line, &ex->users[i]) != 0 ||
		    fwrite(line->data, 1, line->len, stdout) != line->len)
			return -1;
		buf_reset(line);
	}
	return fwrite(buf_str(line), 1, line->len, stdout) == line->len ? 0
									: -1;
}

/* An htpasswd file knows no locks: who is locked is not in it. */
static int
print_htpasswd(const struct export *ex, struct buf *line)
{
	size_t n_locked = 0, n_argon2 = 0;

	for (size_t i = 0; i < ex->n; i++) {
		if (ex->users[i].is_locked) {
			n_locked++;
			continue;
		}
		if (strncmp(ex->users[i].hash, "$argon2", 7) == 0)
			n_argon2++;
		buf_reset(line);
		if (tool_userfile_put_htpasswd(line, &ex->users[i]) != 0 ||
		    fwrite(line->data, 1, line->len, stdout) != line->len)
			return -1;
	}
	fflush(stdout);
	if (n_argon2 > 0)
		fprintf(stderr,
		    "gatecast: web servers do not understand %zu of these "
		    "hashes (Argon2id); gatecast user import does\n",
		    n_argon2);
	if (n_locked > 0)
		fprintf(stderr, "gatecast: left out because locked: %zu\n",
		    n_locked);
	return 0;
}

int
tool_user_export(struct tool *t)
{
	struct export ex = {0};
	struct buf line = BUF_INIT;
	struct users *u = NULL;

	if (t->args.has_csv && t->args.has_htpasswd)
		return tool_fail(TOOL_USAGE, "--htpasswd or --csv, not both");
	int code = tool_open_users(t, false, &u);
	if (code != TOOL_OK)
		return code;
	enum store_err err = users_each(u, collect, &ex);
	if (ex.has_failed)
		err = STORE_NOMEM;
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot read the users", users_detail(u));
		goto out;
	}
	warn_readable();
	if (ex.n > 0)
		qsort(ex.users, ex.n, sizeof(*ex.users), compare);
	if ((t->args.has_htpasswd ? print_htpasswd(&ex, &line)
				  : print_csv(&ex, &line)) != 0)
		code = tool_fail(
		    TOOL_REFUSED, "cannot write: %s", strerror(errno));
	else
		tool_audit("user.export", NULL);
out:
	if (ex.users != NULL)
		crypto_wipe(ex.users, ex.cap * sizeof(*ex.users));
	free(ex.users);
	buf_fini(&line);
	users_close(u);
	return code;
}
