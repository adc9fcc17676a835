/*
 * gatecast user import: all accounts of a file in one transaction, or none.
 * Sign-ins take the lock that a transaction holds, so everything that takes
 * time is done before it: reading, checking, hashing, and also whether the
 * names are free. What another process has changed meanwhile is looked at
 * again under the lock.
 *
 * Passwords are hashed one after the other: the other processors are left to
 * those who sign in.
 */
#include "auth/crypto.h"
#include "auth/password.h"
#include "tool/tool.h"
#include "tool/tool_names.h"
#include "tool/tool_progress.h"
#include "tool/tool_userfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One transaction holds less than this, whatever the format. */
#define FILE_BYTES_MAX ((size_t)64 << 20)
#define READ_CHUNK ((size_t)1 << 20)

struct import {
	struct tool *t;
	const char *label;
	struct buf text;
	struct tool_userfile file;
	struct users *users;
	struct tool_names *names;
};

/* --- before the lock ------------------------------------------------------ */

/* As who asked: the file may be root's alone. A pipe is as good. */
static int
read_file(struct import *im)
{
	const char *path = im->t->args.operands[0];
	bool is_stdin = strcmp(path, "-") == 0;
	ssize_t n = 1;

	im->label = is_stdin ? "standard input" : path;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	while (fd != -1 && n > 0 && im->text.len <= FILE_BYTES_MAX) {
		if (buf_reserve(&im->text, READ_CHUNK) != 0) {
			errno = ENOMEM;
			n = -1;
			break;
		}
		n = read(fd, im->text.data + im->text.len, READ_CHUNK);
		if (n > 0)
			im->text.len += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	int saved = errno;
	if (fd != -1 && !is_stdin)
		close(fd);
	if (fd == -1 || n == -1)
		return tool_fail(TOOL_REFUSED, "cannot read %s: %s", im->label,
		    strerror(saved));
	if (im->text.len > FILE_BYTES_MAX)
		return tool_fail(TOOL_REFUSED,
		    "%s: longer than 64 MiB; split it and import one part "
		    "after the other",
		    im->label);
	return TOOL_OK;
}

/* Says all that is wrong with the file, if anything is. */
static int
say_errors(const struct import *im)
{
	const struct tool_userfile *f = &im->file;

	if (f->n_errors == 0)
		return TOOL_OK;
	fputs(buf_str(&f->errors), stderr);
	if (f->n_errors > TOOL_USERFILE_ERRORS_MAX)
		fprintf(stderr, "and %zu more\n",
		    f->n_errors - TOOL_USERFILE_ERRORS_MAX);
	return tool_fail(TOOL_REFUSED, "nothing was imported");
}

static int
parse_file(struct import *im)
{
	const struct config *c = &im->t->config;
	const struct tool_userfile_opts opts = {
	    .label = im->label,
	    .password_min = c->login.password_min,
	    .cost = {.memory_kib = c->login.argon2_memory_kib,
		.passes = c->login.argon2_passes},
	    .now_s = clock_wall_s(im->t->clock),
	};

	if (tool_userfile_parse(
		&opts, im->text.data, im->text.len, &im->file) != 0)
		return tool_fail(TOOL_REFUSED, "out of memory");
	return say_errors(im);
}

static int
hash_passwords(struct import *im)
{
	const struct password_cost cost = {
	    .memory_kib = im->t->config.login.argon2_memory_kib,
	    .passes = im->t->config.login.argon2_passes,
	};
	struct tool_userfile *f = &im->file;
	struct tool_progress progress;
	enum password_err err = PASSWORD_OK;
	size_t total = 0, done = 0;

	for (size_t i = 0; i < f->n; i++)
		total += f->entries[i].password != NULL;
	if (total == 0)
		return TOOL_OK;
	tool_progress_begin(
	    &progress, im->t->clock, "hashing", "passwords", total);
	for (size_t i = 0; i < f->n && err == PASSWORD_OK; i++) {
		struct tool_userfile_entry *e = &f->entries[i];

		if (e->password == NULL)
			continue;
		err = password_hash(
		    e->password, e->password_len, &cost, e->user.hash);
		tool_progress_step(&progress, ++done);
	}
	tool_progress_end(&progress);
	if (err != PASSWORD_OK)
		return tool_fail(TOOL_REFUSED, "%s", password_strerror(err));
	return TOOL_OK;
}

/* --- the names ------------------------------------------------------------ */

/* Which names are not free goes to the file's errors. */
static enum store_err
check_names(struct import *im, struct tool_progress *progress)
{
	struct tool_userfile *f = &im->file;
	struct record_user old;
	struct buf why = BUF_INIT;
	enum store_err err = STORE_OK;

	for (size_t i = 0; i < f->n && err == STORE_OK; i++) {
		const struct tool_userfile_entry *e = &f->entries[i];

		err = users_get(im->users, e->user.name, &old);
		if (err == STORE_OK) {
			tool_userfile_error(
			    f, e->line, "there is a user %s already", old.name);
		} else if (err == STORE_NOTFOUND) {
			err = tool_names_check(
			    im->names, e->user.name, NULL, &why);
			if (why.len > 0)
				tool_userfile_error(
				    f, e->line, "%s", buf_str(&why));
			if (err == STORE_OK)
				err = tool_names_add(im->names, e->user.name);
		}
		if (progress != NULL)
			tool_progress_step(progress, i + 1);
	}
	crypto_wipe(&old, sizeof(old));
	buf_fini(&why);
	return err;
}

/* Where the store is: it moves with each change. */
static enum store_err
read_place(struct import *im, struct store_stats *out)
{
	return store_stats(users_store(im->users), out);
}

/* In the transaction: another process may have been faster. */
static enum store_err
check_again(struct import *im, const struct store_stats *before)
{
	struct store_stats now;

	enum store_err err = read_place(im, &now);
	if (err != STORE_OK ||
	    (now.generation == before->generation &&
		now.journal_bytes == before->journal_bytes))
		return err;
	return check_names(im, NULL);
}

/* --- the transaction ------------------------------------------------------ */

static int
put_all(struct import *im)
{
	const struct tool_userfile *f = &im->file;

	/* Nothing is asked of the names any more: no need to follow. */
	store_set_observer(users_store(im->users), NULL, NULL);
	for (size_t i = 0; i < f->n; i++) {
		enum store_err err = users_put(im->users, &f->entries[i].user);
		if (err == STORE_INVALID)
			return tool_fail(TOOL_REFUSED,
			    "%s: %zu accounts are more than one transaction "
			    "holds (%zu); split the file and import one part "
			    "after the other",
			    im->label, f->n, i);
		if (err != STORE_OK)
			return tool_fail_users(err, im->users);
	}
	return TOOL_OK;
}

static int
commit(struct import *im, const struct store_stats *before)
{
	int code = tool_begin_users(im->users);
	if (code != TOOL_OK)
		return code;
	enum store_err err = check_again(im, before);
	code =
	    err == STORE_OK ? say_errors(im) : tool_fail_users(err, im->users);
	if (code == TOOL_OK)
		code = put_all(im);
	return tool_commit_users(im->users, code);
}

static int
import(struct import *im)
{
	struct store_stats before;
	struct tool_progress progress;

	int code = tool_open_users(im->t, true, &im->users);
	if (code != TOOL_OK)
		return code;
	enum store_err err = tool_names_new(im->users, &im->names);
	if (err == STORE_OK)
		err = read_place(im, &before);
	if (err == STORE_OK) {
		tool_progress_begin(
		    &progress, im->t->clock, "checking", "names", im->file.n);
		err = check_names(im, &progress);
		tool_progress_end(&progress);
	}
	if (err != STORE_OK)
		return tool_fail_store(
		    err, "cannot read the users", users_detail(im->users));
	code = say_errors(im);
	if (code == TOOL_OK)
		code = hash_passwords(im);
	if (code == TOOL_OK)
		code = commit(im, &before);
	return code;
}

int
tool_user_import(struct tool *t)
{
	struct import im = {.t = t};
	char count[24];

	int code = read_file(&im);
	if (code == TOOL_OK)
		code = tool_store_make_if_empty(t);
	if (code == TOOL_OK)
		code = parse_file(&im);
	if (code == TOOL_OK)
		code = import(&im);
	if (code == TOOL_OK) {
		snprintf(count, sizeof(count), "%zu", im.file.n);
		tool_audit_with("user.import", NULL, "users", count);
		printf("%s %s imported\n", count,
		    im.file.n == 1 ? "user" : "users");
		if (fflush(stdout) == EOF)
			code = tool_fail_output();
		users_maintain(im.users);
	}
	crypto_buf_fini(&im.text);
	tool_userfile_free(&im.file);
	tool_names_free(im.names);
	users_close(im.users);
	return code;
}
