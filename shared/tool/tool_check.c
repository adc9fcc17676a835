/*
 * gatecast store check: reads every record of every store (the walk over a
 * base fetches each by its key) and what must hold between them. A store that
 * cannot be read does not keep the others from being looked at.
 *
 * Others go on writing meanwhile, so what looks wrong between two stores is
 * looked at a second time.
 */
#include "auth/crypto.h"
#include "auth/sessions_index.h"
#include "base/log.h"
#include "tool/tool.h"
#include "tool/tool_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longer than a `user lock` takes to end the sessions it has to. */
#define SECOND_LOOK_MS 500

struct check {
	struct tool *t;
	struct users *users; /* NULL: cannot be read */
	struct sessions *sessions;
	const char *store; /* its directory's name */
	uint64_t n, bad;
	uint64_t findings; /* of all stores */
	struct tool_progress progress;
	struct buf held; /* struct held each */
};

/* A session, and the list in which it has to be. */
struct held {
	char list[SESSIONS_INDEX_SIZE];
	char key[SESSIONS_KEY_SIZE];
	bool is_listed;
	bool is_orphan; /* no such user, or a locked one */
};

static void
report_record(
    struct check *c, const void *key, size_t key_len, const char *what)
{
	char name[STORE_KEY_MAX * 4 + 1];

	c->bad++;
	log_escape(key, key_len, name, sizeof(name));
	tool_fail(TOOL_REFUSED, "%s/%s: record %s: %s", c->t->config.store.dir,
	    c->store, name, what);
}

/* --- users ---------------------------------------------------------------- */

static void
check_user(struct check *c, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct record_user u;
	char right[USERS_KEY_SIZE];

	if (!users_is_key(key, key_len) ||
	    record_get_user(value, value_len, &u) != 0)
		report_record(c, key, key_len,
		    "malformed; restore from a backup: gatecast store "
		    "restore");
	else if (users_key(c->users, u.name, right) != 0 ||
	    memcmp(right, key, key_len) != 0)
		report_record(c, key, key_len,
		    "not filed under its name, so that nobody finds it; put "
		    "users/secret back, or restore from a backup: gatecast "
		    "store restore");
	crypto_wipe(&u, sizeof(u));
}

/* --- sessions ------------------------------------------------------------- */

/* Whether the user of a session may have one, as far as that can be told. */
static bool
may_have_session(struct check *c, const char *user)
{
	struct record_user u;

	if (c->users == NULL)
		return true;
	enum store_err err = users_get(c->users, user, &u);
	bool may = err == STORE_OK ? !u.is_locked : err != STORE_NOTFOUND;
	crypto_wipe(&u, sizeof(u));
	return may;
}

static void
check_session(struct check *c, const void *key, size_t key_len,
    const void *value, size_t value_len)
{
	struct record_session r;
	struct held h = {.is_listed = false};

	if (!sessions_is_key(key, key_len)) {
		if (!sessions_index_is_good(key, key_len, value, value_len))
			report_record(c, key, key_len,
			    "malformed, and a user cannot sign in: gatecast "
			    "session revoke --user NAME mends it; or move the "
			    "directory away and run gatecast store init");
		return;
	}
	if (record_get_session(value, value_len, &r) != 0 ||
	    sessions_index_of(r.user, h.list) != 0) {
		report_record(c, key, key_len,
		    "malformed; end all sessions: gatecast session revoke "
		    "--all");
		return;
	}
	if (record_session_end_s(&r) <= clock_wall_s(c->t->clock))
		return;
	memcpy(h.key, key, SESSIONS_KEY_LEN);
	h.is_orphan = !may_have_session(c, r.user);
	buf_append(&c->held, &h, sizeof(h));
}

static int
compare(const void *a, const void *b)
{
	const struct held *left = a, *right = b;

	int order = memcmp(left->list, right->list, SESSIONS_INDEX_LEN);
	return order != 0 ? order
			  : memcmp(left->key, right->key, SESSIONS_KEY_LEN);
}

/* Those of one list. */
struct group {
	struct held *first;
	size_t n;
};

static enum store_err
note_listed(void *arg, const char *key)
{
	const struct group *g = arg;
	struct held wanted = {.is_listed = false};

	memcpy(wanted.list, g->first->list, SESSIONS_INDEX_LEN);
	memcpy(wanted.key, key, SESSIONS_KEY_LEN);
	struct held *found =
	    bsearch(&wanted, g->first, g->n, sizeof(wanted), compare);
	if (found != NULL)
		found->is_listed = true;
	return STORE_OK;
}

/* Is it there still, and as wrong as before? */
static void
look_again(struct check *c, const struct held *h)
{
	struct record_session r;

	if (sessions_recheck(c->sessions, h->key, &r) != SESSIONS_VALID)
		return;
	if (!h->is_listed) {
		report_record(c, h->key, SESSIONS_KEY_LEN,
		    "not in the list of its user's sessions; end it: gatecast "
		    "session revoke ID");
	} else if (!may_have_session(c, r.user)) {
		report_record(c, h->key, SESSIONS_KEY_LEN,
		    "its user is locked or gone, as after a command that was "
		    "killed; end it: gatecast session revoke ID");
	}
}

/* Every session is in its user's list; not every entry is a session. */
static enum store_err
check_lists(struct check *c)
{
	const struct timespec pause = {.tv_nsec = SECOND_LOOK_MS * 1000000L};
	struct store *s = sessions_store(c->sessions);
	struct held *all = (struct held *)(void *)c->held.data;
	size_t n = c->held.len / sizeof(*all), suspects = 0;
	enum store_err err = STORE_OK;

	if (c->held.has_failed)
		return STORE_NOMEM;
	if (n > 0)
		qsort(all, n, sizeof(*all), compare);
	struct group g = {.n = 0};
	for (size_t i = 0; err == STORE_OK && i < n; i += g.n) {
		g.first = &all[i];
		for (g.n = 1; i + g.n < n &&
		     strcmp(g.first->list, all[i + g.n].list) == 0;)
			g.n++;
		err = sessions_index_each(s, g.first->list, note_listed, &g);
		if (err == STORE_CORRUPT)
			err = STORE_OK; /* has been told */
	}
	for (size_t i = 0; i < n; i++)
		suspects += !all[i].is_listed || all[i].is_orphan;
	if (suspects > 0)
		nanosleep(&pause, NULL);
	for (size_t i = 0; err == STORE_OK && suspects > 0 && i < n; i++)
		if (!all[i].is_listed || all[i].is_orphan)
			look_again(c, &all[i]);
	return err;
}

/* --- one store, and all --------------------------------------------------- */

static int
check_record(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct check *c = arg;

	c->n++;
	if (strcmp(c->store, "users") == 0)
		check_user(c, key, key_len, value, value_len);
	else if (strcmp(c->store, "sessions") == 0)
		check_session(c, key, key_len, value, value_len);
	else if (!throttle_is_good(key, key_len, value, value_len))
		report_record(c, key, key_len,
		    "malformed; move the directory away and run gatecast "
		    "store init");
	tool_progress_step(&c->progress, c->n);
	return 0;
}

/* What was found, or code if that is bad. */
static int
check_store(struct check *c, int code, struct store *s, const char *name)
{
	struct store_stats stats;

	c->store = name;
	c->n = c->bad = 0;
	enum store_err err = store_stats(s, &stats);
	if (err == STORE_OK) {
		tool_progress_begin(
		    &c->progress, c->t->clock, name, "records", stats.records);
		err = store_each(s, check_record, c);
		tool_progress_end(&c->progress);
	}
	if (err == STORE_OK && c->sessions != NULL &&
	    s == sessions_store(c->sessions))
		err = check_lists(c);
	if (err != STORE_OK) {
		int failed = tool_fail_store(err, name, store_detail(s));
		return code == TOOL_OK ? failed : code;
	}
	c->findings += c->bad;
	printf("%s: generation %" PRIu64 ", %" PRIu64 " records%s\n", name,
	    stats.generation, c->n, c->bad == 0 ? ", ok" : "");
	return code;
}

static int
worse(int code, int other)
{
	return code == TOOL_OK ? other : code;
}

int
tool_store_check(struct tool *t)
{
	struct check c = {.t = t, .held = BUF_INIT};
	struct throttle *throttle = NULL;

	int code = tool_open_users(t, false, &c.users);
	if (c.users != NULL)
		code = check_store(&c, code, users_store(c.users), "users");
	code = worse(code, tool_open_sessions(t, false, &c.sessions));
	if (c.sessions != NULL) {
		code = check_store(
		    &c, code, sessions_store(c.sessions), "sessions");
		size_t keys = sessions_keyring(c.sessions)->n;
		printf(
		    "keyring: %zu %s, ok\n", keys, keys == 1 ? "key" : "keys");
	}
	code = worse(code, tool_open_throttle(t, false, &throttle));
	if (throttle != NULL)
		code =
		    check_store(&c, code, throttle_store(throttle), "throttle");
	tool_check_files(t, &c.findings);
	buf_fini(&c.held);
	throttle_close(throttle);
	sessions_close(c.sessions);
	users_close(c.users);
	return code == TOOL_OK && c.findings > 0 ? TOOL_REFUSED : code;
}
