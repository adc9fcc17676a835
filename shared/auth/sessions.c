/*
 * Sessions: begun under the users' lock, read without any, ended for good.
 * Here is the reading.
 *
 * Validating asks in the order of what an answer costs: the spelling and the
 * MAC of the token (no I/O), the store (an lseek, perhaps a read), the
 * clock. Nothing on that path waits for another process; what it finds
 * expired it notes, and sessions_maintain deletes it after the response.
 */
#include "auth/sessions.h"

#include "auth/crypto.h"
#include "auth/sessions_impl.h"
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

/*
 * The file cannot be used. Somebody may be about to put another one there by
 * hand, so the keys in hand stand until it is looked at again; but no longer.
 */
static void
doubt_ring(struct sessions *s)
{
	int64_t now = s->ring_checked_ms;

	/* Look again next time, whatever the file's stamp. */
	memset(&s->watch, 0, sizeof(s->watch));
	if (!s->is_ring_doubtful) {
		s->is_ring_doubtful = true;
		s->ring_doubtful_ms = now;
	}
	if (s->is_ring_bad || now - s->ring_doubtful_ms < KEYRING_CHECK_MS)
		return;
	log_err("no session is valid any more: %s", buf_str(&s->ring_error));
	s->is_ring_bad = true;
}

bool
sessions_reload_keyring(struct sessions *s)
{
	struct keyring fresh;
	struct keyring_watch seen = s->watch;
	int rc = keyring_watch(s->dir, &seen);

	s->ring_checked_ms = clock_mono_ms(s->clock);
	if (rc == 0)
		return false;
	buf_reset(&s->ring_error);
	if (keyring_load(s->dir, &fresh, &s->ring_error) != 0) {
		doubt_ring(s);
		return false;
	}
	s->watch = seen;
	s->ring = fresh;
	crypto_wipe(&fresh, sizeof(fresh));
	if (s->is_ring_bad)
		log_notice("%s/" KEYRING_FILE " can be used again", s->dir);
	s->is_ring_bad = false;
	s->is_ring_doubtful = false;
	return true;
}

static void
check_ring(struct sessions *s)
{
	if (clock_mono_ms(s->clock) - s->ring_checked_ms >= KEYRING_CHECK_MS)
		sessions_reload_keyring(s);
}

const struct keyring *
sessions_keyring(struct sessions *s)
{
	check_ring(s);
	return &s->ring;
}

bool
sessions_can_validate(struct sessions *s)
{
	check_ring(s);
	return !s->is_ring_bad;
}

/* --- making and opening ------------------------------------------------- */

enum store_err
sessions_create_store(const char *dir, struct buf *error)
{
	struct buf path = BUF_INIT;
	enum store_err err = STORE_NOMEM;

	if (buf_printf(&path, "%s/" STORE_DIR, dir) == 0)
		err = store_create(buf_str(&path), DIR_MODE, error);
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
	s->lock_wait_ms = lock_wait_ms;
	const struct store_opts opts = {
	    .dir = buf_str(&path),
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = lock_wait_ms,
	    .reserve_bytes = reserve_bytes,
	    .forbidden_mode = 0777 & ~DIR_MODE,
	};
	err = store_open(&opts, &s->store, error);
	if (err != STORE_OK)
		goto fail;
	/* Not by sessions_reload_keyring: the caller reports this failure. */
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

enum store_err
sessions_failure(const struct sessions *s)
{
	return s->is_ring_bad ? STORE_DENIED : s->failure;
}

bool
sessions_is_writer(const struct sessions *s)
{
	return s->is_writer;
}

struct store *
sessions_store(struct sessions *s)
{
	return s->store;
}

/* --- reading ------------------------------------------------------------ */

void
sessions_key_of(
    const uint8_t id[static TOKEN_ID_BYTES], char key[static SESSIONS_KEY_SIZE])
{
	uint8_t hash[CRYPTO_HASH_BYTES];

	crypto_sha256(id, TOKEN_ID_BYTES, hash);
	memcpy(key, "s:", 2);
	crypto_hex(hash, sizeof(hash), key + 2, SESSIONS_KEY_SIZE - 2);
}

bool
sessions_is_over(const struct record_session *r, int64_t now_s)
{
	return now_s >= record_session_end_s(r);
}

static bool
is_ahead(const struct record_session *r, int64_t now_s)
{
	int64_t last_s = r->seen_s > r->created_s ? r->seen_s : r->created_s;

	return last_s - CLOCK_SKEW_S > now_s;
}

static struct sessions_expired *
find_expired(struct sessions *s, const char *key)
{
	for (size_t i = 0; i < s->expired_n; i++)
		if (memcmp(s->expired[i].key, key, SESSIONS_KEY_LEN) == 0)
			return &s->expired[i];
	return NULL;
}

static void
note_expired(struct sessions *s, const char *key, int64_t now_s)
{
	if (!s->is_writer || s->expired_n == SESSIONS_EXPIRED_MAX ||
	    find_expired(s, key) != NULL)
		return;
	struct sessions_expired *e = &s->expired[s->expired_n++];
	memcpy(e->key, key, SESSIONS_KEY_SIZE);
	e->at_s = now_s;
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
	if (err != STORE_OK) {
		s->failure = err;
		return SESSIONS_UNAVAILABLE;
	}
	/* One damaged record is one login, not an outage. */
	if (record_get_session(s->value.data, s->value.len, &r) != 0)
		return SESSIONS_UNKNOWN;
	int64_t now_s = clock_wall_s(s->clock);
	/* Seen expired, it stays so though the clock was set back since. */
	const struct sessions_expired *seen = find_expired(s, key);
	if (seen != NULL && seen->at_s > now_s)
		now_s = seen->at_s;
	if (sessions_is_over(&r, now_s)) {
		note_expired(s, key, now_s);
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
    struct record_session *out, char key[SESSIONS_KEY_SIZE],
    uint8_t id[TOKEN_ID_BYTES])
{
	uint8_t found_id[TOKEN_ID_BYTES];
	char found[SESSIONS_KEY_SIZE];

	check_ring(s);
	enum token_err err =
	    token_verify(&s->ring, TOKEN_SESSION, token, n, found_id);
	/* The first token of a fresh key: do not wait for the next check. */
	if (err == TOKEN_UNKNOWN_KEY && sessions_reload_keyring(s))
		err = token_verify(&s->ring, TOKEN_SESSION, token, n, found_id);
	if (s->is_ring_bad)
		return SESSIONS_UNAVAILABLE;
	if (err != TOKEN_OK)
		return SESSIONS_BAD_TOKEN;
	sessions_key_of(found_id, found);
	enum sessions_verdict verdict = sessions_recheck(s, found, out);
	if (verdict == SESSIONS_VALID && key != NULL)
		memcpy(key, found, sizeof(found));
	if (verdict == SESSIONS_VALID && id != NULL)
		memcpy(id, found_id, sizeof(found_id));
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
	    sessions_is_over(&r, w->now_s))
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
