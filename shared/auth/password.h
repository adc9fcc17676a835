/*
 * Passwords: Argon2id (RFC 9106) by libsodium through crypto; exact bytes.
 * Hashes of other kinds that came with imported accounts (hash_form.h) are
 * verified too.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_BYTES_MAX 1024
#define PASSWORD_HASH_SIZE 128

struct password_cost {
	int64_t memory_kib;
	int64_t passes;
};

enum password_err {
	PASSWORD_OK = 0,
	PASSWORD_WRONG,
	PASSWORD_SHORT,
	PASSWORD_LONG,
	PASSWORD_COMMON, /* among the most common ones */
	PASSWORD_NOMEM,
	PASSWORD_UNUSABLE, /* the stored hash cannot be read */
};

/*
 * May this be set as the password of name (canonical)? min in bytes. One that
 * is the name, in whatever case, is PASSWORD_COMMON.
 */
enum password_err
password_check_new(const char *pw, size_t n, const char *name, int64_t min);

/* PASSWORD_OK, PASSWORD_LONG or PASSWORD_NOMEM. */
enum password_err password_hash(const char *pw, size_t n,
    const struct password_cost *cost, char out[static PASSWORD_HASH_SIZE]);

/*
 * Compares. hash NULL: there is no such user; spends what a comparison at
 * that cost does and says PASSWORD_WRONG. Such a time is spent on top of an
 * imported hash's own.
 */
enum password_err password_verify(const char *hash, const char *pw, size_t n,
    const struct password_cost *cost);

/* Whether the hash was made with another cost, or is of another kind. */
bool password_needs_rehash(const char *hash, const struct password_cost *cost);

const char *password_strerror(enum password_err err);

#endif
