/*
 * Sessions: begun under the users' lock, read without any, ended for good.
 *
 * Validating asks in the order of what an answer costs: the spelling and the
 * MAC of the token (no I/O), the store (mapped pages and an fstat), the
 * clock. Nothing on that path waits for another process; what it finds
 * expired it notes, and sessions_maintain deletes it after the response.
 */
#include "auth/sessions.h"

#include "auth/crypto.h"
#include "auth/sessions_index.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STORE_DIR "sessions"
/* The group (wsd) may read. */
#define DIR_MODE 0750
#define KEYRING_CHECK_MS 500
/* A clock that far before what has happened is wrong. */
#define CLOCK_SKEW_S ((int64_t)24 * 60 * 60)
/* Activity is written every tenth of the idle lifetime, or hourly. */
#define TOUCH_DIVISOR 10
#define TOUCH_UNLIMITED_S ((int64_t)60 * 60)
#define EXPIRED_MAX 16
/* Deletes in one record of the journal, which has its bounds. */
#define BATCH_MAX 4096

struct sessions {
	struct store *store;
	const struct clock *clock;
	char *dir; /* store.dir, where the keyring is */
	bool is_writer;
	struct keyring ring;
	struct keyring_watch watch;
	int64_t ring_checked_ms;
	bool is_ring_bad;
	struct buf ring_error;
	struct buf value;
	char expired[EXPIRED_MAX][SESSIONS_KEY_SIZE];
	size_t expired_n;
};

bool
sessions_is_key(const void *key, size_t key_len)
{
	const char *p = key;

	if (key_len != SESSIONS_KEY_LEN || memcmp(p, "s:", 2) != 0)
		return false;
	for (size_t i = 2; i < key_len; i++)
		if (!((p[i] >= '0' && p[i] <= '9') ||
			(p[i] >= 'a' && p[i] <= 'f')))
			return false;
	return true;
}

/* --- the keyring -------------------------------------------------------- */

/* Whether another ring was loaded. */
static bool
reload_ring(struct sessions *s)
{
	struct keyring fresh;
	struct keyring_watch seen = s->watch;
	int rc = keyring_watch(s->dir, &seen);

	s->ring_checked_ms = clock_mono_ms(s->clock);
	if (rc == 0)
		return false;
	buf_reset(&s->ring_error);
	if (keyring_load(s->dir, &fresh, &s->ring_error) != 0) {
		/* Look again next time, whatever the file's stamp. */
		memset(&s->watch, 0, sizeof(s->watch));
		if (!s->is_ring_bad)
			log_err("no session is valid any more: %s",
			    buf_str(&s->ring_error));
		s->is_ring_bad = true;
		return false;
	}
	s->watch = seen;
	s->ring = fresh;
	crypto_wipe(&fresh, sizeof(fresh));
	if (s->is_ring_bad)
		log_notice("%s/" KEYRING_FILE " can be used again", s->dir);
	s->is_ring_bad = false;
	return true;
}

static void
check_ring(struct sessions *s)
{
	if (clock_mono_ms(s->clock) - s->ring_checked_ms >= KEYRING_CHECK_MS)
		reload_ring(s);
}

const struct keyring *
sessions_keyring(struct sessions *s)
{
	check_ring(s);
	return &s->ring;
}

/* --- making and opening ------------------------------------------------- */

enum store_err
sessions_create_store(const char *dir, struct buf *error)
{
	struct buf path = BUF_INIT;
	enum store_err err = STORE_NOMEM;

	errno = 0;
	if (buf_printf(&path, "%s/" STORE_DIR, dir) == 0)
		err = store_create(buf_str(&path), DIR_MODE);
	if (err != STORE_OK)
		buf_printf(error, "%s: %s%s%s", buf_str(&path),
		    store_strerror(err), errno != 0 ? ": " : "",
		    errno != 0 ? strerror(errno) : "");
	buf_fini(&path);
	return err;
}

enum store_err
sessions_open(const char *dir, bool is_writer, int lock_wait_ms,
    int64_t reserve_bytes, const struct clock *clock, struct sessions **out,
    struct buf *error)
{
	struct buf path = BUF_INIT;
	enum store_err err = STORE_NOMEM;
	struct sessions *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL || (s->dir = strdup(dir)) == NULL ||
	    buf_printf(&path, "%s/" STORE_DIR, dir) != 0)
		goto fail;
	s->clock = clock;
	s->is_writer = is_writer;
	const struct store_opts opts = {
	    .dir = buf_str(&path),
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = lock_wait_ms,
	    .reserve_bytes = reserve_bytes,
	};
	err = store_open(&opts, &s->store, error);
	if (err != STORE_OK)
		goto fail;
	/* Not by reload_ring: the caller reports this failure. */
	s->ring_checked_ms = clock_mono_ms(clock);
	if (keyring_watch(dir, &s->watch) < 0 && errno == ENOENT)
		err = STORE_MISSING;
	if (keyring_load(dir, &s->ring, error) != 0) {
		if (err == STORE_OK)
			err = STORE_DENIED;
		goto fail;
	}
	buf_fini(&path);
	*out = s;
	return STORE_OK;
fail:
	if (err == STORE_NOMEM)
		buf_puts(error, store_strerror(err));
	buf_fini(&path);
	sessions_close(s);
	return err;
}

void
sessions_close(struct sessions *s)
{
	if (s == NULL)
		return;
	store_close(s->store);
	keyring_wipe(&s->ring);
	buf_fini(&s->ring_error);
	buf_fini(&s->value);
	free(s->dir);
	free(s);
}

const char *
sessions_detail(const struct sessions *s)
{
	return s->is_ring_bad ? buf_str(&s->ring_error)
			      : store_detail(s->store);
}

struct store *
sessions_store(struct sessions *s)
{
	return s->store;
}

/* --- reading ------------------------------------------------------------ */

static void
key_of(
    const uint8_t id[static TOKEN_ID_BYTES], char key[static SESSIONS_KEY_SIZE])
{
	uint8_t hash[CRYPTO_HASH_BYTES];

	crypto_sha256(id, TOKEN_ID_BYTES, hash);
	memcpy(key, "s:", 2);
	crypto_hex(hash, sizeof(hash), key + 2, SESSIONS_KEY_SIZE - 2);
}

static bool
is_over(const struct record_session *r, int64_t now_s)
{
	return now_s >= record_session_end_s(r);
}

static bool
is_ahead(const struct record_session *r, int64_t now_s)
{
	int64_t last_s = r->seen_s > r->created_s ? r->seen_s : r->created_s;

	return last_s - CLOCK_SKEW_S > now_s;
}

static void
note_expired(struct sessions *s, const char *key)
{
	if (!s->is_writer || s->expired_n == EXPIRED_MAX)
		return;
	for (size_t i = 0; i < s->expired_n; i++)
		if (memcmp(s->expired[i], key, SESSIONS_KEY_SIZE) == 0)
			return;
	memcpy(s->expired[s->expired_n++], key, SESSIONS_KEY_SIZE);
}

enum sessions_verdict
sessions_recheck(
    struct sessions *s, const char *key, struct record_session *out)
{
	struct record_session r;
	enum store_err err =
	    store_get(s->store, key, SESSIONS_KEY_LEN, &s->value);

	if (err == STORE_NOTFOUND)
		return SESSIONS_UNKNOWN;
	if (err != STORE_OK)
		return SESSIONS_UNAVAILABLE;
	/* One damaged record is one login, not an outage. */
	if (record_get_session(s->value.data, s->value.len, &r) != 0)
		return SESSIONS_UNKNOWN;
	int64_t now_s = clock_wall_s(s->clock);
	if (is_over(&r, now_s)) {
		note_expired(s, key);
		return SESSIONS_EXPIRED;
	}
	if (is_ahead(&r, now_s))
		return SESSIONS_EXPIRED;
	if (out != NULL)
		*out = r;
	return SESSIONS_VALID;
}

enum sessions_verdict
sessions_validate(struct sessions *s, const char *token, size_t n,
    struct record_session *out, char key[SESSIONS_KEY_SIZE])
{
	uint8_t id[TOKEN_ID_BYTES];
	char found[SESSIONS_KEY_SIZE];

	check_ring(s);
	enum token_err err =
	    token_verify(&s->ring, TOKEN_SESSION, token, n, id);
	/* The first token of a fresh key: do not wait for the next check. */
	if (err == TOKEN_UNKNOWN_KEY && reload_ring(s))
		err = token_verify(&s->ring, TOKEN_SESSION, token, n, id);
	if (s->is_ring_bad)
		return SESSIONS_UNAVAILABLE;
	if (err != TOKEN_OK)
		return SESSIONS_BAD_TOKEN;
	key_of(id, found);
	enum sessions_verdict verdict = sessions_recheck(s, found, out);
	if (verdict == SESSIONS_VALID && key != NULL)
		memcpy(key, found, sizeof(found));
	return verdict;
}

struct walk {
	sessions_visit *visit;
	void *arg;
	int64_t now_s;
};

static int
visit_value(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	const struct walk *w = arg;
	struct record_session r;
	char text[SESSIONS_KEY_SIZE];

	if (!sessions_is_key(key, key_len) ||
	    record_get_session(value, value_len, &r) != 0 ||
	    is_over(&r, w->now_s))
		return 0;
	memcpy(text, key, SESSIONS_KEY_LEN);
	text[SESSIONS_KEY_LEN] = '\0';
	return w->visit(w->arg, text, &r);
}

enum store_err
sessions_each(struct sessions *s, sessions_visit *visit, void *arg)
{
	struct walk w = {visit, arg, clock_wall_s(s->clock)};

	return store_each(s->store, visit_value, &w);
}

/* --- beginning ---------------------------------------------------------- */

struct oldest {
	struct sessions *s;
	int64_t living;
	int64_t to_end; /* second pass: how many of the oldest */
};

/* Of the session of an index entry: is it there? */
static enum store_err
count_living(void *arg, const char *key)
{
	struct oldest *o = arg;
	enum store_err err =
	    store_get(o->s->store, key, SESSIONS_KEY_LEN, &o->s->value);

	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err != STORE_OK)
		return err;
	struct record_session r;
	/* What is expired or damaged takes no place, and goes. */
	if (record_get_session(o->s->value.data, o->s->value.len, &r) != 0 ||
	    is_over(&r, clock_wall_s(o->s->clock)))
		return store_del(o->s->store, key, SESSIONS_KEY_LEN);
	o->living++;
	return STORE_OK;
}

static enum store_err
end_oldest(void *arg, const char *key)
{
	struct oldest *o = arg;

	if (o->to_end <= 0)
		return STORE_OK;
	enum store_err err =
	    store_get(o->s->store, key, SESSIONS_KEY_LEN, NULL);
	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err == STORE_OK)
		err = store_del(o->s->store, key, SESSIONS_KEY_LEN);
	o->to_end--;
	return err;
}

/* Makes room for one more. */
static enum store_err
enforce_cap(struct sessions *s, const char *head, int64_t cap)
{
	struct oldest o = {s, 0, 0};
	enum store_err err =
	    sessions_index_each(s->store, head, count_living, &o);

	if (err != STORE_OK || o.living < cap)
		return err;
	o.to_end = o.living - cap + 1;
	return sessions_index_each(s->store, head, end_oldest, &o);
}

/* As much as fits, cut at a character. */
static void
copy_agent(const char *from, char out[static RECORD_AGENT_SIZE])
{
	size_t n = strnlen(from, RECORD_AGENT_SIZE);

	if (n == RECORD_AGENT_SIZE) {
		n--;
		while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(out, from, n);
	out[n] = '\0';
}

static int
make_record(const struct sessions_new *new, const char *user, int64_t now_s,
    struct record_session *r)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->user, user, strlen(user));
	r->created_s = r->seen_s = now_s;
	r->idle_s = new->idle_s;
	if (new->absolute_s > 0)
		r->expires_s = now_s + new->absolute_s;
	if (strlen(new->address) >= sizeof(r->address))
		return -1;
	memcpy(r->address, new->address, strlen(new->address));
	if (new->agent != NULL)
		copy_agent(new->agent, r->agent);
	return 0;
}

/* In both transactions; s->value is free to be used. */
static enum store_err
put_session(struct sessions *s, const struct sessions_new *new,
    const char *user, const char *key)
{
	struct record_session r;
	char head[SESSIONS_INDEX_SIZE];
	enum store_err err = STORE_OK;

	if (make_record(new, user, clock_wall_s(s->clock), &r) != 0 ||
	    sessions_index_of(user, head) != 0)
		return STORE_INVALID;
	if (new->cap > 0)
		err = enforce_cap(s, head, new->cap);
	if (err != STORE_OK)
		return err;
	buf_reset(&s->value);
	if (record_put_session(&r, &s->value) != 0)
		return s->value.has_failed ? STORE_NOMEM : STORE_INVALID;
	err = store_put(
	    s->store, key, SESSIONS_KEY_LEN, s->value.data, s->value.len);
	if (err == STORE_OK)
		err = sessions_index_add(s->store, head, key, r.expires_s);
	return err;
}

enum store_err
sessions_begin(struct sessions *s, struct users *u,
    const struct sessions_new *new, const char *expect_hash,
    char token[static TOKEN_SIZE])
{
	struct record_user user;
	uint8_t id[TOKEN_ID_BYTES];
	char key[SESSIONS_KEY_SIZE];

	token[0] = '\0';
	check_ring(s);
	if (s->is_ring_bad)
		return STORE_DENIED;
	crypto_random(id, sizeof(id));
	key_of(id, key);
	enum store_err err = users_begin(u);
	if (err != STORE_OK)
		return err;
	err = users_get(u, new->user, &user);
	if (err == STORE_OK &&
	    (user.is_locked || strcmp(user.hash, expect_hash) != 0))
		err = STORE_NOTFOUND;
	if (err == STORE_OK)
		err = store_begin(s->store);
	if (err == STORE_OK) {
		err = put_session(s, new, user.name, key);
		if (err == STORE_OK)
			err = store_publish(s->store);
		else
			store_abort(s->store);
	}
	crypto_wipe(&user, sizeof(user));
	users_abort(u); /* nothing was changed there: frees the lock */
	if (err == STORE_OK)
		err = store_sync(s->store);
	if (err == STORE_OK)
		token_make(&s->ring, TOKEN_SESSION, id, token);
	crypto_wipe(id, sizeof(id));
	return err;
}

enum store_err
sessions_touch(struct sessions *s, const char *key)
{
	struct record_session r;
	bool is_late = false;
	enum store_err err = STORE_OK;

	/* First without the lock: mostly there is nothing to write. */
	for (int pass = 0; pass < 2; pass++) {
		switch (sessions_recheck(s, key, &r)) {
		case SESSIONS_VALID:
			break;
		case SESSIONS_UNAVAILABLE:
			err = STORE_IO;
			goto out;
		default:
			err = STORE_NOTFOUND;
			goto out;
		}
		int64_t now_s = clock_wall_s(s->clock);
		int64_t step_s =
		    r.idle_s > 0 ? r.idle_s / TOUCH_DIVISOR : TOUCH_UNLIMITED_S;
		if (now_s <= r.seen_s || now_s - r.seen_s < step_s)
			goto out;
		if (pass == 0) {
			err = store_begin(s->store);
			if (err != STORE_OK)
				return err;
			is_late = true;
			continue;
		}
		r.seen_s = now_s;
	}
	buf_reset(&s->value);
	if (record_put_session(&r, &s->value) != 0)
		err = STORE_NOMEM;
	else
		err = store_put(s->store, key, SESSIONS_KEY_LEN, s->value.data,
		    s->value.len);
	if (err == STORE_OK)
		return store_publish(s->store);
out:
	if (is_late)
		store_abort(s->store);
	return err;
}

/* --- ending ------------------------------------------------------------- */

enum store_err
sessions_end(struct sessions *s, const char *key)
{
	if (!sessions_is_key(key, strlen(key)))
		return STORE_INVALID;
	enum store_err err = store_begin(s->store);
	if (err != STORE_OK)
		return err;
	err = store_get(s->store, key, SESSIONS_KEY_LEN, NULL);
	if (err == STORE_OK)
		err = store_del(s->store, key, SESSIONS_KEY_LEN);
	if (err == STORE_OK)
		return store_commit(s->store);
	store_abort(s->store);
	return err;
}

struct ending {
	struct sessions *s;
	const char *keep;
	struct buf keys; /* SESSIONS_KEY_LEN bytes each */
};

static int
collect(struct ending *e, const char *key)
{
	if (e->keep != NULL && memcmp(key, e->keep, SESSIONS_KEY_LEN) == 0)
		return 0;
	return buf_append(&e->keys, key, SESSIONS_KEY_LEN);
}

static enum store_err
collect_entry(void *arg, const char *key)
{
	struct ending *e = arg;
	enum store_err err =
	    store_get(e->s->store, key, SESSIONS_KEY_LEN, NULL);

	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err == STORE_OK && collect(e, key) != 0)
		return STORE_NOMEM;
	return err;
}

static int
collect_any(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)value;
	(void)value_len;
	return sessions_is_key(key, key_len) ? collect(arg, key) : 0;
}

/*
 * In a transaction, which it ends. More than fits into one record of the
 * journal goes into several: what is begun in between was not there when
 * this was called.
 */
static enum store_err
end_collected(struct sessions *s, const struct buf *keys, size_t *ended)
{
	enum store_err err = STORE_OK;
	size_t in_batch = 0;

	for (size_t at = 0; at < keys->len; at += SESSIONS_KEY_LEN) {
		if (in_batch == BATCH_MAX) {
			err = store_publish(s->store);
			if (err == STORE_OK)
				err = store_begin(s->store);
			if (err != STORE_OK)
				return err;
			in_batch = 0;
		}
		err = store_del(s->store, keys->data + at, SESSIONS_KEY_LEN);
		if (err != STORE_OK) {
			store_abort(s->store);
			return err;
		}
		in_batch++;
	}
	err = store_commit(s->store);
	if (err == STORE_OK && ended != NULL)
		*ended = keys->len / SESSIONS_KEY_LEN;
	return err;
}

enum store_err
sessions_end_user(
    struct sessions *s, const char *user, const char *keep, size_t *ended)
{
	struct ending e = {s, keep, BUF_INIT};
	char head[SESSIONS_INDEX_SIZE];

	if (ended != NULL)
		*ended = 0;
	if ((user != NULL && sessions_index_of(user, head) != 0) ||
	    (keep != NULL && !sessions_is_key(keep, strlen(keep))))
		return STORE_INVALID;
	enum store_err err = store_begin(s->store);
	if (err != STORE_OK)
		return err;
	if (user == NULL) {
		err = store_each(s->store, collect_any, &e);
	} else {
		err = sessions_index_each(s->store, head, collect_entry, &e);
		/* With one left, its list must stay. */
		if (err == STORE_OK && keep == NULL)
			err = sessions_index_del(s->store, head);
	}
	if (err == STORE_OK && e.keys.has_failed)
		err = STORE_NOMEM;
	if (err == STORE_OK)
		err = end_collected(s, &e.keys, ended);
	else
		store_abort(s->store);
	buf_fini(&e.keys);
	return err;
}

/* --- upkeep ------------------------------------------------------------- */

static bool
is_dropped(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	int64_t now_s = *(const int64_t *)arg;
	struct record_session r;

	if (!sessions_is_key(key, key_len))
		return sessions_index_is_dead(
		    key, key_len, value, value_len, now_s);
	return record_get_session(value, value_len, &r) == 0 &&
	    is_over(&r, now_s);
}

/* Activity may have come since: looked at again under the lock. */
static enum store_err
end_expired(struct sessions *s)
{
	char keys[EXPIRED_MAX][SESSIONS_KEY_SIZE];
	size_t n = s->expired_n;

	memcpy(keys, s->expired, sizeof(keys));
	s->expired_n = 0;
	enum store_err err = store_begin(s->store);
	if (err != STORE_OK)
		return err;
	for (size_t i = 0; err == STORE_OK && i < n; i++)
		if (sessions_recheck(s, keys[i], NULL) == SESSIONS_EXPIRED)
			err = store_del(s->store, keys[i], SESSIONS_KEY_LEN);
	s->expired_n = 0;
	if (err == STORE_OK)
		return store_publish(s->store);
	store_abort(s->store);
	return err;
}

enum store_err
sessions_maintain(struct sessions *s)
{
	enum store_err err = STORE_OK;
	int64_t now_s = clock_wall_s(s->clock);

	if (s->expired_n > 0)
		err = end_expired(s);
	if (err == STORE_OK && store_wants_checkpoint(s->store))
		err = store_checkpoint(s->store, is_dropped, &now_s);
	/* Another process writes or is at it: next time, then. */
	return err == STORE_BUSY ? STORE_OK : err;
}
