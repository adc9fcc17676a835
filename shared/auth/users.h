/*
 * The users store, DIR/users: key "u:" + hex HMAC(secret, folded name), so
 * that names can neither be crafted nor read from the keys. The secret is
 * DIR/users/secret, mode 0600.
 */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "auth/record.h"
#include "store/store.h"

struct users;

#define USERS_KEY_LEN 66 /* "u:" + 64 hex digits */
#define USERS_KEY_SIZE (USERS_KEY_LEN + 1)

/* Whether a key of the store (bytes) is a user's. */
bool users_is_key(const void *key, size_t key_len);

/*
 * Makes DIR/users and its secret unless they are there. DIR itself must be.
 * error gets "PATH: why" here and below.
 */
enum store_err users_create(const char *dir, struct buf *error);

enum store_err users_open(const char *dir, bool is_writer, int lock_wait_ms,
    int64_t reserve_bytes, struct users **out, struct buf *error);
void users_close(struct users *u);
bool users_is_writer(const struct users *u);
const char *users_detail(const struct users *u); /* see store_detail */

/*
 * name is canonical; any case of it finds the record, which has the spelling
 * that was put. STORE_NOTFOUND; STORE_CORRUPT when the record is damaged.
 */
enum store_err
users_get(struct users *u, const char *name, struct record_user *out);

/*
 * A change under the writer lock: begin (locks), users_get, put/del, commit
 * or abort. commit is durable. put replaces the record of that name in any
 * case, rename that of old; both leave in it what a newer program put there
 * and this one does not know. del of a name that is not there is
 * STORE_NOTFOUND. Whoever takes the lock of the sessions as well takes this
 * one first.
 */
enum store_err users_begin(struct users *u);
enum store_err users_try_begin(struct users *u); /* without waiting */
enum store_err users_put(struct users *u, const struct record_user *r);
enum store_err
users_rename(struct users *u, const char *old, const struct record_user *r);
enum store_err users_del(struct users *u, const char *name);
void users_use_reserve(struct users *u); /* see store_use_reserve */
enum store_err users_commit(struct users *u);
void users_abort(struct users *u);

/*
 * All users, in no order. visit returns 0 to go on. STORE_CORRUPT, after all
 * of them, when a record was damaged and left out.
 */
typedef int users_visit(void *arg, const struct record_user *r);
enum store_err users_each(struct users *u, users_visit *visit, void *arg);

/* The store's key of a canonical name. 0, or -1: it cannot be folded. */
int users_key(
    const struct users *u, const char *name, char key[static USERS_KEY_SIZE]);

/*
 * For a restore: opens for writing whatever is there. What is missing is
 * made; a damaged secret is kept aside as NAME.damaged-TIME and made anew.
 * *is_readable: the users that are there can be found. While it is not so,
 * nothing but users_replace and users_key may be called.
 */
enum store_err
users_open_damaged(const char *dir, int lock_wait_ms, int64_t reserve_bytes,
    struct users **out, bool *is_readable, struct buf *error);

/* See store_replace and store_rebuild; fill adds users_key and values. */
enum store_err
users_replace(struct users *u, store_fill *fill, void *arg, struct buf *error);

/*
 * Checkpoints when the journal has grown; STORE_OK when not needed or while
 * another process holds a lock, without waiting.
 */
enum store_err users_maintain(struct users *u);
struct store *users_store(struct users *u);

#endif
