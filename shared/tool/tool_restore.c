/*
 * gatecast store restore: the accounts of a backup in place of all there are.
 *
 * Sessions are in no backup. Under the users' lock, so that no login can
 * begin one meanwhile, first each session is ended whose account is not
 * exactly as it was, then the accounts are replaced by one rename. Killed
 * before that, people have to sign in again and the accounts are the old
 * ones; a session that the restored account did not begin cannot be left.
 */
#include "auth/crypto.h"
#include "auth/throttle.h"
#include "tool/tool.h"
#include "tool/tool_backup_file.h"
#include "tool/tool_progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct restore {
	struct tool *t;
	struct tool_backup_file file; /* is_kept: sessions stay */
	struct users *users;
	bool is_readable; /* the users that are there */
	struct sessions *sessions; /* NULL: damaged */

	uint64_t added, changed, same, before;
	size_t ended;
	int code; /* of what has been said already */
	sigset_t old;
};

/* --- the stores ----------------------------------------------------------- */

static int
open_users(struct restore *r)
{
	const struct config *c = &r->t->config;
	struct buf why = BUF_INIT;

	enum store_err err =
	    users_open_damaged(c->store.dir, (int)c->store.lock_wait_ms,
		c->store.reserve_bytes, &r->users, &r->is_readable, &why);
	int code = TOOL_OK;
	if (err != STORE_OK)
		code = tool_fail_store(
		    err, "cannot open the users", buf_str(&why));
	else if (why.len > 0)
		fprintf(stderr, "gatecast: %.*s\n",
		    (int)strcspn(buf_str(&why), "\n"), buf_str(&why));
	buf_fini(&why);
	return code;
}

static bool
can_read_sessions(const struct restore *r)
{
	struct sessions *s;
	struct buf why = BUF_INIT;

	enum store_err err = sessions_open(
	    r->t->config.store.dir, false, 0, 0, r->t->clock, &s, &why);
	sessions_close(s);
	buf_fini(&why);
	return err == STORE_OK;
}

/* With a keyring: a missing one is made, a damaged one is not guessed at. */
static int
open_sessions(struct restore *r)
{
	struct tool *t = r->t;
	const struct config *c = &t->config;
	const char *dir = c->store.dir;
	struct keyring ring;
	struct buf why = BUF_INIT;
	int code = TOOL_OK;

	enum store_err err = STORE_IO;
	if (keyring_create(dir, clock_wall_s(t->clock), &why) == -1) {
		code = tool_fail_store(
		    err, "cannot make the keyring", buf_str(&why));
		goto out;
	}
	if (keyring_load(dir, &ring, &why) == -1) {
		code = tool_fail(TOOL_UNREACHABLE,
		    "%s; or move it away: then a new one is made, and "
		    "everybody signs in again",
		    buf_str(&why));
		goto out;
	}
	keyring_wipe(&ring);
	err = sessions_create_store(dir, &why);
	if (err == STORE_OK)
		err = sessions_open(dir, true, (int)c->store.lock_wait_ms,
		    c->store.reserve_bytes, t->clock, &r->sessions, &why);
	if (err == STORE_CORRUPT || (err == STORE_IO && !can_read_sessions(r)))
		fprintf(stderr, "gatecast: %s\n", buf_str(&why));
	else if (err != STORE_OK)
		code = tool_fail_store(
		    err, "cannot open the sessions", buf_str(&why));
out:
	buf_fini(&why);
	return code;
}

/* An empty store in the place of a damaged one, which is kept aside. */
static enum store_err
clear_store(const struct restore *r, const char *name)
{
	const struct config *c = &r->t->config;
	struct buf dir = BUF_INIT, why = BUF_INIT;
	char doing[48];
	enum store_err err = STORE_NOMEM;

	if (buf_printf(&dir, "%s/%s", c->store.dir, name) == 0)
		err = store_rebuild(buf_str(&dir), (int)c->store.lock_wait_ms,
		    NULL, NULL, &why);
	snprintf(doing, sizeof(doing), "cannot make the %s anew", name);
	if (err != STORE_OK)
		tool_fail_store(err, doing, buf_str(&why));
	buf_fini(&why);
	buf_fini(&dir);
	return err;
}

/* Who failed to sign in is in no backup; a damaged list begins anew. */
static int
mend_throttle(const struct restore *r)
{
	const struct config *c = &r->t->config;
	struct throttle *throttle = NULL;
	struct buf why = BUF_INIT;
	int code = TOOL_OK;

	enum store_err err = throttle_create(c->store.dir, &why);
	if (err == STORE_OK)
		err = throttle_open(c->store.dir, false,
		    (int)c->store.lock_wait_ms, r->t->clock, &throttle, &why);
	throttle_close(throttle);
	if (err == STORE_CORRUPT || err == STORE_IO) {
		if (clear_store(r, "throttle") != STORE_OK)
			code = TOOL_UNREACHABLE;
	} else if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot open the throttle", buf_str(&why));
	}
	buf_fini(&why);
	return code;
}

/* By its spelling too, which its sessions bear. */
static bool
is_same_account(const struct record_user *a, const struct record_user *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->hash, b->hash) == 0 &&
	    a->created_s == b->created_s && !a->is_locked && !b->is_locked;
}

/* Against what is there: *e says whether its sessions stay. */
static enum store_err
compare_user(struct restore *r, struct tool_backup_entry *e)
{
	struct store *s = users_store(r->users);
	struct record_user old, new;
	struct buf value = BUF_INIT;

	enum store_err err = store_get(s, e->key, USERS_KEY_LEN, &value);
	if (err == STORE_NOTFOUND) {
		r->added++;
		err = STORE_OK;
	} else if (err == STORE_OK) {
		bool is_same = value.len == e->len &&
		    memcmp(value.data, e->value, e->len) == 0;
		*(is_same ? &r->same : &r->changed) += 1;
		e->is_kept =
		    record_get_user(value.data, value.len, &old) == 0 &&
		    record_get_user(e->value, e->len, &new) == 0 &&
		    is_same_account(&old, &new);
		crypto_wipe(&old, sizeof(old));
		crypto_wipe(&new, sizeof(new));
		crypto_wipe(value.data, value.cap);
	}
	buf_fini(&value);
	return err;
}

static bool
is_ended(void *arg, const struct record_session *s)
{
	struct restore *r = arg;
	char key[USERS_KEY_SIZE];

	if (s == NULL || users_key(r->users, s->user, key) != 0)
		return true;
	const struct tool_backup_entry *e =
	    tool_backup_file_find(&r->file, key);
	return e == NULL || !e->is_kept;
}

static enum store_err
end_sessions(struct restore *r)
{
	enum store_err err;

	if (r->sessions == NULL) {
		err = clear_store(r, "sessions");
		if (err != STORE_OK)
			r->code = TOOL_UNREACHABLE;
		return err;
	}
	err = sessions_end_if(r->sessions, is_ended, r, &r->ended);
	if (err != STORE_OK)
		r->code = tool_fail_store(err, "cannot end the sessions",
		    sessions_detail(r->sessions));
	return err;
}

/* What is to be whole is not to be interrupted by a Ctrl-C. */
static void
block_signals(struct restore *r)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, &r->old);
}

/* Under the users' lock. */
static enum store_err
fill(void *arg, struct store_content *content)
{
	struct restore *r = arg;
	struct tool_progress p;
	enum store_err err = STORE_OK;

	tool_progress_begin(
	    &p, r->t->clock, "restore", "users", r->file.reader.users);
	for (size_t i = 0; err == STORE_OK && i < r->file.reader.users; i++) {
		struct tool_backup_entry *e = &r->file.entries[i];
		if (r->is_readable)
			err = compare_user(r, e);
		if (err == STORE_OK)
			err = store_add(
			    content, e->key, USERS_KEY_LEN, e->value, e->len);
		tool_progress_step(&p, i + 1);
	}
	tool_progress_end(&p);
	if (err != STORE_OK)
		return err;
	block_signals(r);
	return end_sessions(r);
}

static int
replace(struct restore *r)
{
	struct store_stats stats = {.records = 0};
	struct buf why = BUF_INIT;

	sigprocmask(SIG_BLOCK, NULL, &r->old);
	if (r->is_readable &&
	    store_stats(users_store(r->users), &stats) == STORE_OK)
		r->before = stats.records;
	enum store_err err = users_replace(r->users, fill, r, &why);
	if (err != STORE_OK && r->code == TOOL_OK)
		r->code = tool_fail_store(
		    err, "cannot replace the users", buf_str(&why));
	if (r->code != TOOL_OK && r->ended > 0)
		tool_fail(TOOL_REFUSED,
		    "the accounts are as they were; %zu of their sessions "
		    "were ended",
		    r->ended);
	buf_fini(&why);
	return r->code;
}

/* --- the command ---------------------------------------------------------- */

static void
tell_summary(const struct restore *r)
{
	uint64_t n = r->file.reader.users;
	char count[24];

	snprintf(count, sizeof(count), "%" PRIu64, n);
	tool_audit_with("store.restore", NULL, "users", count);
	printf("%" PRIu64 " %s restored", n, n == 1 ? "user" : "users");
	if (r->is_readable)
		printf(": %" PRIu64 " as before, %" PRIu64 " changed, %" PRIu64
		       " added; %" PRIu64 " removed\n",
		    r->same, r->changed, r->added,
		    r->before - r->same - r->changed);
	else
		puts("; those that were there could not be read");
	if (r->sessions == NULL)
		puts("the sessions could not be read: everybody signs in "
		     "again");
	else
		printf("%zu %s ended\n", r->ended,
		    r->ended == 1 ? "session" : "sessions");
	if (!r->is_readable || r->sessions == NULL)
		puts("what was damaged is kept as NAME.damaged-TIME");
	/* A signal that was held back comes before the end. */
	fflush(stdout);
}

int
tool_store_restore(struct tool *t)
{
	struct restore r = {.t = t, .file.path = t->args.operands[0]};

	int code = tool_backup_file_read(&r.file);
	if (code == TOOL_OK)
		code = tool_become_owner(t);
	if (code == TOOL_OK)
		code = tool_backup_file_verify(&r.file);
	if (code == TOOL_OK)
		code = open_users(&r);
	if (code == TOOL_OK)
		code = tool_backup_file_index(&r.file, r.users);
	if (code == TOOL_OK)
		code = open_sessions(&r);
	if (code == TOOL_OK)
		code = mend_throttle(&r);
	if (code == TOOL_OK) {
		code = replace(&r);
		if (code == TOOL_OK) {
			tell_summary(&r);
		}
		sigprocmask(SIG_SETMASK, &r.old, NULL);
	}
	tool_backup_file_fini(&r.file);
	sessions_close(r.sessions);
	users_close(r.users);
	return code;
}
