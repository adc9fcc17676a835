/*
 * gatecast user: accounts. A change that must end sessions commits the users
 * store first and ends the sessions then: a login that is under way either
 * sees the change or has its session ended (auth/sessions.h). Where the name
 * goes, it is the other way round, below the users' lock.
 */
#include "auth/crypto.h"
#include "auth/password.h"
#include "tool/tool.h"
#include "tool/tool_names.h"
#include "tool/tool_out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * One line from standard input, without its newline: exact bytes otherwise.
 * Room for one byte too many, so that too long is seen.
 */
struct secret {
	char bytes[PASSWORD_BYTES_MAX + 2];
	size_t n;
};

static int
read_password(const struct tool *t, struct secret *pw)
{
	bool has_more = true;

	pw->n = 0;
	if (!t->args.has_password_stdin)
		return tool_fail(TOOL_USAGE,
		    "the password comes from standard input: give "
		    "--password-stdin (scripts/gatecast asks for it)");
	while (has_more && pw->n < sizeof(pw->bytes)) {
		ssize_t n = read(
		    STDIN_FILENO, pw->bytes + pw->n, sizeof(pw->bytes) - pw->n);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return tool_fail(TOOL_REFUSED,
			    "cannot read the password: %s", strerror(errno));
		pw->n += (size_t)n;
		has_more = n > 0;
	}
	const char *newline = memchr(pw->bytes, '\n', pw->n);
	if (newline == NULL)
		return TOOL_OK;
	if ((size_t)(newline - pw->bytes) + 1 != pw->n)
		return tool_fail(
		    TOOL_REFUSED, "standard input holds more than one line");
	pw->n--;
	return TOOL_OK;
}

/* Reads, checks and hashes the new password; done before any lock. */
static int
read_hash(const struct tool *t, const char *name,
    char hash[static PASSWORD_HASH_SIZE])
{
	const struct password_cost cost = {
	    .memory_kib = t->config.login.argon2_memory_kib,
	    .passes = t->config.login.argon2_passes,
	};
	struct secret pw;
	enum password_err err;

	int code = read_password(t, &pw);
	if (code != TOOL_OK)
		goto out;
	err = password_check_new(
	    pw.bytes, pw.n, name, t->config.login.password_min);
	if (err == PASSWORD_OK)
		err = password_hash(pw.bytes, pw.n, &cost, hash);
	if (err == PASSWORD_SHORT)
		code = tool_fail(TOOL_REFUSED,
		    "%s: at least %lld bytes (login.password_min)",
		    password_strerror(err),
		    (long long)t->config.login.password_min);
	else if (err != PASSWORD_OK)
		code = tool_fail(TOOL_REFUSED, "%s", password_strerror(err));
out:
	crypto_wipe(&pw, sizeof(pw));
	return code;
}

/* What --group says. */
static int
read_groups(const struct tool *t, char list[static GROUP_LIST_SIZE])
{
	enum group_err err = GROUP_OK;

	for (size_t i = 0; i < t->args.n_groups && err == GROUP_OK; i++)
		err = group_list_add(
		    list, t->args.groups[i], strlen(t->args.groups[i]));
	return err == GROUP_OK
	    ? TOOL_OK
	    : tool_fail(TOOL_REFUSED, "%s", group_strerror(err));
}

int
tool_check_free(struct users *u, struct tool_names *names, const char *name,
    const char *instead_of)
{
	struct record_user other;
	struct buf why = BUF_INIT;
	int code = TOOL_OK;

	enum store_err err = users_get(u, name, &other);
	if (err == STORE_OK &&
	    (instead_of == NULL || strcmp(other.name, instead_of) != 0)) {
		code = tool_fail(
		    TOOL_REFUSED, "there is a user %s already", other.name);
		goto out;
	}
	if (err == STORE_OK || err == STORE_NOTFOUND)
		err = tool_names_check(names, name, instead_of, &why);
	if (err != STORE_OK)
		code = tool_fail_users(err, u);
	else if (why.len > 0)
		code = tool_fail(TOOL_REFUSED, "%s", buf_str(&why));
out:
	crypto_wipe(&other, sizeof(other));
	buf_fini(&why);
	return code;
}

int
tool_user_add(struct tool *t)
{
	struct record_user r = {.created_s = clock_wall_s(t->clock)};
	struct users *u = NULL;
	struct tool_names *names = NULL;
	enum store_err err;

	int code = tool_read_name(t, 0, r.name);
	if (code == TOOL_OK)
		code = read_groups(t, r.groups);
	if (code == TOOL_OK)
		code = read_hash(t, r.name, r.hash);
	if (code == TOOL_OK)
		code = tool_store_make_if_empty(t);
	if (code == TOOL_OK)
		code = tool_open_users(t, true, &u);
	if (code != TOOL_OK)
		goto out;

	r.changed_s = r.created_s;
	err = tool_names_new(u, &names);
	code = err == STORE_OK ? tool_begin_users(u) : tool_fail_users(err, u);
	if (code != TOOL_OK)
		goto out;
	code = tool_check_free(u, names, r.name, NULL);
	if (code == TOOL_OK) {
		err = users_put(u, &r);
		code = err == STORE_OK ? TOOL_OK : tool_fail_users(err, u);
	}
	code = tool_commit_users(u, code);
	if (code != TOOL_OK)
		goto out;
	tool_audit("user.add", r.name);
	printf("user %s added\n", r.name);
	users_maintain(u);
out:
	crypto_wipe(&r, sizeof(r));
	tool_names_free(names);
	users_close(u);
	return code;
}

enum change {
	CHANGE_PASSWORD,
	CHANGE_LOCK,
	CHANGE_UNLOCK,
	CHANGE_DELETE,
};

static const struct {
	const char *action;
	const char *done;
	bool ends_sessions;
} changes[] = {
    [CHANGE_PASSWORD] = {"user.passwd", "has a new password", true},
    [CHANGE_LOCK] = {"user.lock", "locked", true},
    [CHANGE_UNLOCK] = {"user.unlock", "unlocked", false},
    [CHANGE_DELETE] = {"user.del", "deleted", true},
};

/*
 * In the transaction: alters one record; name is then as it is stored. The
 * sessions of one that is deleted end before it goes, while the users' lock
 * keeps new ones from beginning: cut short after it, there would be sessions
 * of nobody, and no user to delete again. TOOL_OK or the exit code.
 */
static int
change_record(struct tool *t, struct users *u, struct sessions *s,
    enum change change, const char *hash, char name[static NAME_SIZE])
{
	struct record_user r;

	enum store_err err = users_get(u, name, &r);
	if (err == STORE_NOTFOUND)
		return tool_fail_unknown(name);
	if (err == STORE_OK) {
		memcpy(name, r.name, NAME_SIZE);
		if (change == CHANGE_PASSWORD) {
			memcpy(r.hash, hash, sizeof(r.hash));
			r.changed_s = clock_wall_s(t->clock);
		} else {
			r.is_locked = change == CHANGE_LOCK;
		}
		err = change == CHANGE_DELETE ? users_del(u, name)
					      : users_put(u, &r);
	}
	crypto_wipe(&r, sizeof(r));
	if (err != STORE_OK)
		return tool_fail_users(err, u);
	return change == CHANGE_DELETE ? tool_end_sessions(s, name) : TOOL_OK;
}

static int
change_user(struct tool *t, enum change change)
{
	char name[NAME_SIZE], hash[PASSWORD_HASH_SIZE] = "";
	struct users *u = NULL;
	struct sessions *s = NULL;

	int code = tool_read_name(t, 0, name);
	if (code == TOOL_OK && change == CHANGE_PASSWORD)
		code = read_hash(t, name, hash);
	if (code == TOOL_OK)
		code = tool_open_users(t, true, &u);
	/* Before the change, so that it is not half done without them. */
	if (code == TOOL_OK && changes[change].ends_sessions)
		code = tool_open_sessions(t, true, &s);
	if (code == TOOL_OK)
		code = tool_begin_users(u);
	if (code != TOOL_OK)
		goto out;
	if (changes[change].ends_sessions)
		users_use_reserve(u);
	code = change_record(t, u, s, change, hash, name);
	code = tool_commit_users(u, code);
	if (code != TOOL_OK)
		goto out;
	tool_audit(changes[change].action, name);
	printf("user %s %s\n", name, changes[change].done);
	if (s != NULL) {
		if (change != CHANGE_DELETE)
			code = tool_end_sessions(s, name);
		sessions_maintain(s);
	}
	users_maintain(u);
out:
	crypto_wipe(hash, sizeof(hash));
	sessions_close(s);
	users_close(u);
	return code;
}

int
tool_user_passwd(struct tool *t)
{
	return change_user(t, CHANGE_PASSWORD);
}

int
tool_user_lock(struct tool *t)
{
	return change_user(t, CHANGE_LOCK);
}

int
tool_user_unlock(struct tool *t)
{
	return change_user(t, CHANGE_UNLOCK);
}

int
tool_user_del(struct tool *t)
{
	return change_user(t, CHANGE_DELETE);
}

static int
list_one(void *arg, const struct record_user *r)
{
	struct tool_out *o = arg;

	tool_out_text(o, r->name);
	tool_out_bool(o, r->is_locked);
	tool_out_time(o, r->created_s);
	tool_out_time(o, r->changed_s);
	tool_out_list(o, r->groups);
	return 0;
}

int
tool_user_list(struct tool *t)
{
	static const char *const columns[] = {
	    "name", "locked", "created", "password_set", "groups"};
	struct users *u = NULL;

	int code = tool_open_users(t, false, &u);
	if (code != TOOL_OK)
		return code;
	struct tool_out *o = tool_out_new(columns, 5);
	if (o == NULL) {
		users_close(u);
		return tool_fail(TOOL_REFUSED, "out of memory");
	}
	enum store_err err = users_each(u, list_one, o);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot read the users", users_detail(u));
	} else {
		tool_out_sort(o);
		if (tool_out_print(o, t->args.has_json, stdout) == -1)
			code = tool_fail_output();
	}
	tool_out_free(o);
	users_close(u);
	return code;
}

struct count {
	const char *user;
	int64_t now_s;
	int64_t n;
};

static int
count_one(void *arg, const char *key, const struct record_session *r)
{
	struct count *c = arg;

	(void)key;
	if (strcmp(r->user, c->user) == 0 && record_session_end_s(r) > c->now_s)
		c->n++;
	return 0;
}

int
tool_user_show(struct tool *t)
{
	static const char *const columns[] = {
	    "name", "locked", "created", "password_set", "groups", "sessions"};
	struct record_user r;
	struct users *u = NULL;
	struct sessions *s = NULL;
	struct tool_out *o = NULL;
	char name[NAME_SIZE];
	enum store_err err;

	int code = tool_read_name(t, 0, name);
	if (code == TOOL_OK)
		code = tool_open_users(t, false, &u);
	if (code == TOOL_OK)
		code = tool_open_sessions(t, false, &s);
	if (code != TOOL_OK)
		goto out;
	err = users_get(u, name, &r);
	if (err == STORE_NOTFOUND) {
		code = tool_fail_unknown(name);
		goto out;
	}
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot read the users", users_detail(u));
		goto out;
	}
	struct count c = {.user = r.name, .now_s = clock_wall_s(t->clock)};
	err = sessions_each(s, count_one, &c);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot read the sessions", sessions_detail(s));
		goto out;
	}
	o = tool_out_new(columns, 6);
	if (o != NULL) {
		list_one(o, &r);
		tool_out_number(o, c.n);
	}
	if (o == NULL || tool_out_print_one(o, t->args.has_json, stdout) == -1)
		code = tool_fail_output();
out:
	crypto_wipe(&r, sizeof(r));
	tool_out_free(o);
	sessions_close(s);
	users_close(u);
	return code;
}
