/*
 * gatecast store: the directories below store.dir.
 */
#include "auth/crypto.h"
#include "base/log.h"
#include "tool/tool.h"
#include "tool/tool_out.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Whether DIR/NAME is there; if not, it is about to be made: path says so. */
static bool
is_there(const char *dir, const char *name, char *path, size_t size)
{
	struct stat st;

	int n = snprintf(path, size, "%s/%s", dir, name);
	return n < 0 || (size_t)n >= size || lstat(path, &st) == 0;
}

int
tool_store_make(struct tool *t)
{
	const char *dir = t->config.store.dir;
	char users[4096], sessions[4096], keyring[4096];
	struct buf why = BUF_INIT;

	int code = tool_become_owner(t);
	if (code != TOOL_OK)
		return code;
	bool has_users = is_there(dir, "users", users, sizeof(users));
	bool has_sessions =
	    is_there(dir, "sessions", sessions, sizeof(sessions));
	bool has_keyring =
	    is_there(dir, KEYRING_FILE, keyring, sizeof(keyring));

	enum store_err err = users_create(dir, &why);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot make the users", buf_str(&why));
		goto out;
	}
	if (!has_users)
		printf("made %s\n", users);
	err = sessions_create_store(dir, &why);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot make the sessions", buf_str(&why));
		goto out;
	}
	if (!has_sessions)
		printf("made %s\n", sessions);
	if (keyring_create(dir, clock_wall_s(t->clock), &why) == -1) {
		code = tool_fail_store(
		    STORE_IO, "cannot make the keyring", buf_str(&why));
		goto out;
	}
	if (!has_keyring)
		printf("made %s\n", keyring);
	if (!has_users || !has_sessions || !has_keyring)
		tool_audit("store.init", NULL);
out:
	buf_fini(&why);
	return code;
}

int
tool_store_init(struct tool *t)
{
	return tool_store_make(t);
}

/* --- check -------------------------------------------------------------- */

struct check {
	uint64_t n, bad;
	bool is_sessions;
};

/* Records of the sessions store that are no sessions: its index by user. */
static bool
is_index(const void *key, size_t key_len)
{
	return key_len > 2 && memcmp(key, "n:", 2) == 0;
}

static bool
is_good(const struct check *c, const void *key, size_t key_len,
    const void *value, size_t value_len)
{
	struct record_user u;
	struct record_session s;

	if (c->is_sessions)
		return is_index(key, key_len) ||
		    (sessions_is_key(key, key_len) &&
			record_get_session(value, value_len, &s) == 0);
	int rc = record_get_user(value, value_len, &u);
	crypto_wipe(&u, sizeof(u));
	return rc == 0;
}

static int
check_one(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct check *c = arg;
	char name[STORE_KEY_MAX * 4 + 1];

	c->n++;
	if (is_good(c, key, key_len, value, value_len))
		return 0;
	c->bad++;
	log_escape(key, key_len, name, sizeof(name));
	tool_fail(TOOL_REFUSED, "record %s: malformed", name);
	return 0;
}

/* Reads every record of a store. TOOL_OK or the exit code. */
static int
check_store(struct store *s, const char *name, bool is_sessions)
{
	struct check c = {.is_sessions = is_sessions};
	struct store_stats stats;

	enum store_err err = store_each(s, check_one, &c);
	if (err == STORE_OK)
		err = store_stats(s, &stats);
	if (err != STORE_OK)
		return tool_fail_store(err, name, store_detail(s));
	printf("%s: generation %llu, %llu records%s\n", name,
	    (unsigned long long)stats.generation, (unsigned long long)c.n,
	    c.bad == 0 ? ", ok" : "");
	return c.bad == 0 ? TOOL_OK : TOOL_REFUSED;
}

int
tool_store_check(struct tool *t)
{
	struct users *u = NULL;
	struct sessions *s = NULL;

	int code = tool_open_users(t, false, &u);
	if (code == TOOL_OK)
		code = tool_open_sessions(t, false, &s);
	if (code != TOOL_OK)
		goto out;
	/* Both are looked at, also when the first is not well. */
	code = check_store(users_store(u), "users", false);
	int other = check_store(sessions_store(s), "sessions", true);
	if (code == TOOL_OK)
		code = other;
	printf("keyring: %zu %s, ok\n", sessions_keyring(s)->n,
	    sessions_keyring(s)->n == 1 ? "key" : "keys");
out:
	sessions_close(s);
	users_close(u);
	return code;
}

/* --- stats -------------------------------------------------------------- */

static enum store_err
add_stats(struct tool_out *o, const char *name, struct store *s)
{
	struct store_stats stats;

	enum store_err err = store_stats(s, &stats);
	if (err != STORE_OK)
		return err;
	tool_out_text(o, name);
	tool_out_number(o, (int64_t)stats.generation);
	tool_out_number(o, (int64_t)stats.records);
	tool_out_number(o, stats.base_bytes);
	tool_out_number(o, stats.journal_bytes);
	return STORE_OK;
}

int
tool_store_stats(struct tool *t)
{
	static const char *const columns[] = {
	    "store", "generation", "records", "base_bytes", "journal_bytes"};
	struct users *u = NULL;
	struct sessions *s = NULL;
	struct tool_out *o = NULL;

	int code = tool_open_users(t, false, &u);
	if (code == TOOL_OK)
		code = tool_open_sessions(t, false, &s);
	if (code != TOOL_OK)
		goto out;
	o = tool_out_new(columns, 5);
	if (o == NULL) {
		code = tool_fail(TOOL_REFUSED, "out of memory");
		goto out;
	}
	enum store_err err = add_stats(o, "users", users_store(u));
	if (err == STORE_OK)
		err = add_stats(o, "sessions", sessions_store(s));
	if (err != STORE_OK)
		code = tool_fail_store(err, "cannot read the stores", NULL);
	else if (tool_out_print(o, t->args.has_json, stdout) == -1)
		code = tool_fail(TOOL_REFUSED, "cannot print");
out:
	tool_out_free(o);
	sessions_close(s);
	users_close(u);
	return code;
}

/* --- checkpoint --------------------------------------------------------- */

static bool
is_expired(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	const int64_t *now_s = arg;
	struct record_session r;

	/* What cannot be read is kept: `store check` is to find it. */
	return sessions_is_key(key, key_len) &&
	    record_get_session(value, value_len, &r) == 0 &&
	    record_session_end_s(&r) <= *now_s;
}

int
tool_store_checkpoint(struct tool *t)
{
	int64_t now_s = clock_wall_s(t->clock);
	struct users *u = NULL;
	struct sessions *s = NULL;
	enum store_err err;

	int code = tool_open_users(t, true, &u);
	if (code == TOOL_OK)
		code = tool_open_sessions(t, true, &s);
	if (code != TOOL_OK)
		goto out;
	err = store_checkpoint(users_store(u), NULL, NULL);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot checkpoint the users", users_detail(u));
		goto out;
	}
	err = store_checkpoint(sessions_store(s), is_expired, &now_s);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot checkpoint the sessions", sessions_detail(s));
		goto out;
	}
	tool_audit("store.checkpoint", NULL);
	printf("users and sessions have a new generation\n");
out:
	sessions_close(s);
	users_close(u);
	return code;
}
