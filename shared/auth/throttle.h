/*
 * Slowing down the guessing of passwords: DIR/throttle, a store of failed
 * tries by account, by address, and by browser.
 *
 * A stranger's try counts against the account and the address it comes from.
 * A browser that has signed in to the account before counts by itself and
 * against nothing else, so that nobody can lock an owner out of it. A try is
 * counted before the password is looked at and taken back when it was right:
 * any number of tries at once get no more than the same number in turn.
 *
 * The store is not synced: it survives kill -9 of everything, and a power
 * loss may take its last moments. See throttle_policy.h for the delays.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "auth/record.h"
#include "auth/token.h"
#include "base/clock.h"
#include "store/store.h"

/* Of a kind; when there are more those with the fewest failures go. */
#define THROTTLE_RECORDS_MAX 32768

struct throttle;

/* Makes DIR/throttle unless it is there. error gets "PATH: why". */
enum store_err throttle_create(const char *dir, struct buf *error);

enum store_err throttle_open(const char *dir, bool is_writer, int lock_wait_ms,
    const struct clock *clock, struct throttle **out, struct buf *error);
void throttle_close(struct throttle *t);
const char *throttle_detail(const struct throttle *t); /* see store_detail */
struct store *throttle_store(struct throttle *t);

/*
 * Failures are the store's, here and below; STORE_NOTFOUND: the directory was
 * replaced by an empty one, open it again.
 */

/* An account or a browser, and an address. */
#define THROTTLE_COUNTS_MAX 2

/* Who tries. Must stay the same from take to give_back or undo. */
struct throttle_who {
	const char *name; /* canonical; NULL: what was typed is no name */
	const char *address; /* as address_of_client has it */
	const uint8_t *device; /* TOKEN_ID_BYTES; NULL: a stranger */

	/* throttle_take's note of what it counted, for the other two. */
	int64_t until_s[THROTTLE_COUNTS_MAX];
};

/*
 * Seconds until the next try, 0: now. Takes no lock: for turning away most
 * of those who have to wait, at little cost.
 */
enum store_err throttle_wait_s(
    struct throttle *t, const struct throttle_who *who, int64_t *wait_s);

/*
 * The same under the lock, and *wait_s 0 counts the try: as a failure, until
 * it is given back. A name counts whether there is such an account or not;
 * what is no name counts against the address alone, and an address that is
 * none ("unix", "unknown") not at all.
 */
enum store_err
throttle_take(struct throttle *t, struct throttle_who *who, int64_t *wait_s);

/*
 * The password was right: the account's or the device's failures are
 * forgotten. The address's are not, but for this try, since whoever has an
 * account of his own could wipe them away with it.
 */
enum store_err
throttle_give_back(struct throttle *t, const struct throttle_who *who);

/*
 * No password was looked at after all: the try was none, and nothing else is
 * forgotten.
 */
enum store_err
throttle_undo(struct throttle *t, const struct throttle_who *who);

/*
 * All that is not forgotten yet, aged, in no order. visit returns 0 to go
 * on. Damaged records are left out.
 */
typedef int throttle_visit(
    void *arg, enum throttle_kind kind, const struct record_throttle *r);
enum store_err
throttle_each(struct throttle *t, throttle_visit *visit, void *arg);

/*
 * Forgets an account (in any case of its letters) with its devices, and an
 * address or IPv6 network of that spelling; *cleared: records. what may be
 * both, or neither (STORE_OK, 0).
 */
enum store_err
throttle_clear(struct throttle *t, const char *what, size_t *cleared);

/* Whether a record of this store is one, for `gatecast store check`. */
bool throttle_is_good(
    const void *key, size_t key_len, const void *value, size_t value_len);

/* A new generation without what is forgotten, damaged, or too much. */
enum store_err throttle_checkpoint(struct throttle *t);

/* The same when the journal has grown; STORE_OK when not needed. */
enum store_err throttle_maintain(struct throttle *t);

#endif
