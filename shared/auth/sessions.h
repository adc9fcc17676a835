/*
 * The sessions store, DIR/sessions: key "s:" + hex SHA-256(ID), so that a
 * reader of the file cannot make a cookie of it. What "session ID" an
 * administrator types and sees is that hex, or a unique prefix of at least 8
 * characters of it.
 *
 * wsd opens it for reading; login.fcgi and the admin tool write. Other keys
 * of the store are its own ("n:", sessions_index.h): whoever follows the feed
 * asks sessions_is_key first.
 *
 * Lifetimes go by the wall clock. A session is over when its end has come,
 * and refused too while the clock stands more than a day before its start or
 * last activity: such a clock is wrong. What a writer has seen expired it
 * deletes (sessions_maintain), so a clock set back does not revive it.
 */
#ifndef AUTH_SESSIONS_H
#define AUTH_SESSIONS_H

#include "auth/keyring.h"
#include "auth/record.h"
#include "auth/token.h"
#include "auth/users.h"
#include "base/clock.h"
#include "store/store.h"

#define SESSIONS_KEY_LEN 66 /* "s:" + 64 hex digits */
#define SESSIONS_KEY_SIZE (SESSIONS_KEY_LEN + 1)

/* Whether a key of the store (bytes) is a session's. */
bool sessions_is_key(const void *key, size_t key_len);

enum sessions_verdict {
	SESSIONS_VALID = 0,
	SESSIONS_BAD_TOKEN, /* refused before the store is asked */
	SESSIONS_UNKNOWN, /* ended, or never was */
	SESSIONS_EXPIRED,
	SESSIONS_UNAVAILABLE, /* the store cannot be read: 503 */
};

struct sessions;

/* Makes DIR/sessions unless it is there; DIR must be. */
enum store_err sessions_create_store(const char *dir, struct buf *error);

/*
 * Loads the keyring too, and again within half a second after its file has
 * changed. A file that cannot be used never counts: the keys in hand stand
 * until it has been looked at twice (a second at most), then nothing is valid
 * until it is good. A writer drops what expired at checkpoints.
 */
enum store_err sessions_open(const char *dir, bool is_writer, int lock_wait_ms,
    int64_t reserve_bytes, const struct clock *clock, struct sessions **out,
    struct buf *error);
void sessions_close(struct sessions *s);
const char *sessions_detail(const struct sessions *s);

/* What the last SESSIONS_UNAVAILABLE was; sessions_detail has its words. */
enum store_err sessions_failure(const struct sessions *s);

/* Whether it was opened for writing. */
bool sessions_is_writer(const struct sessions *s);

/*
 * The keyring as it is now (the last good one while its file cannot be
 * used). Never NULL; valid until the next call of anything here.
 */
const struct keyring *sessions_keyring(struct sessions *s);

/*
 * Whether cookies can be checked: the keyring is usable, as far as a look at
 * its file within half a second tells. If not, sessions_detail says why.
 */
bool sessions_can_validate(struct sessions *s);

/*
 * Looks at the keyring's file now. For when something signed does not verify:
 * another process may already sign with a key that this one has not seen.
 * true: sessions_keyring's ring is another one now.
 */
bool sessions_reload_keyring(struct sessions *s);

struct sessions_new {
	const char *user; /* canonical name */
	const char *address;
	const char *agent; /* may be NULL */
	int64_t idle_s; /* 0: no limit */
	int64_t absolute_s; /* 0: no limit */
	int64_t cap; /* sessions a user may have, oldest ended; 0: no limit */
};

/*
 * A fresh session; its cookie value in token. The user must exist and not be
 * locked at the moment of publishing: the users writer lock is held over
 * check and publish, so that a lock or delete that comes after finds this
 * session and ends it. expect_hash: the hash the password was checked
 * against; STORE_NOTFOUND when the user is gone, locked, or it changed. The
 * session carries the name as the users store spells it. Durable when
 * STORE_OK; else token is "".
 */
enum store_err sessions_begin(struct sessions *s, struct users *u,
    const struct sessions_new *new, const char *expect_hash,
    char token[static TOKEN_SIZE]);

/* Whether the last sessions_begin failed at the users: see users_detail. */
bool sessions_have_users_failed(const struct sessions *s);

/*
 * The hot read of both programs: token, then store, then times. out, key and
 * id (the token's ID) may be NULL; they are set only when SESSIONS_VALID.
 * Takes no lock.
 */
enum sessions_verdict sessions_validate(struct sessions *s, const char *token,
    size_t n, struct record_session *out, char key[SESSIONS_KEY_SIZE],
    uint8_t id[TOKEN_ID_BYTES]);

/* The same for a session already held, by its store key. */
enum sessions_verdict sessions_recheck(
    struct sessions *s, const char *key, struct record_session *out);

/*
 * Notes activity: writes seen_s when a tenth of the idle lifetime has gone by
 * since it was written, else does nothing. A session ended meanwhile stays
 * ended. Waits for nobody: STORE_BUSY while another process writes, and the
 * next request notes it.
 */
enum store_err sessions_touch(struct sessions *s, const char *key);

/* Durable when STORE_OK. Ending one that is gone is STORE_NOTFOUND. */
enum store_err sessions_end(struct sessions *s, const char *key);

/*
 * All of a user's but keep (a key; may be NULL); of everybody: user NULL.
 * Durable when STORE_OK. It only deletes, which succeeds on a full disk too;
 * but a user's list that is damaged is replaced by one of keep, at the price of
 * the reserve. (Of more than 4,096 sessions it is by the next call.) ended may
 * be NULL.
 */
enum store_err sessions_end_user(
    struct sessions *s, const char *user, const char *keep, size_t *ended);

/*
 * Those for which test says so (r NULL: the record is malformed). What test
 * is asked about stays as it is until all of them are ended.
 */
typedef bool sessions_test(void *arg, const struct record_session *r);
enum store_err sessions_end_if(
    struct sessions *s, sessions_test *test, void *arg, size_t *ended);

/* All that are not over, in no order. visit returns 0 to go on. */
typedef int
sessions_visit(void *arg, const char *key, const struct record_session *r);
enum store_err
sessions_each(struct sessions *s, sessions_visit *visit, void *arg);

/* The same of one user, by his own list; visit must not use s. */
enum store_err sessions_each_of(
    struct sessions *s, const char *user, sessions_visit *visit, void *arg);

/*
 * A checkpoint now, without what has expired (what cannot be read is kept:
 * `store check` is to find it).
 */
enum store_err sessions_checkpoint(struct sessions *s);

/*
 * After the response: deletes what was seen expired; a checkpoint (dropping
 * all that expired) when it pays. While another process holds the lock it does
 * nothing, without waiting.
 */
enum store_err sessions_maintain(struct sessions *s);

/*
 * The revocation feed: store_set_observer/store_refresh on this handle.
 * Only keys that sessions_is_key takes are sessions.
 */
struct store *sessions_store(struct sessions *s);

#endif
