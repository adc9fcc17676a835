/*
 * The cryptography in use, and the only file that knows libsodium.
 */
#ifndef AUTH_CRYPTO_H
#define AUTH_CRYPTO_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_KEY_BYTES 32
#define CRYPTO_MAC_BYTES 32
#define CRYPTO_HASH_BYTES 32

/* Once per process, before anything else here. 0, or -1: no entropy. */
int crypto_init(void);

/* HMAC-SHA-256 (RFC 2104). */
void crypto_hmac(const uint8_t key[static CRYPTO_KEY_BYTES], const void *bytes,
    size_t n, uint8_t mac[static CRYPTO_MAC_BYTES]);

void crypto_sha256(
    const void *bytes, size_t n, uint8_t hash[static CRYPTO_HASH_BYTES]);

/* Constant time in n. */
bool crypto_equal(const void *a, const void *b, size_t n);

void crypto_wipe(void *bytes, size_t n);

/* buf_fini, for one that held a secret: all it had room for is wiped. */
void crypto_buf_fini(struct buf *b);

/* Characters of base64url without padding (RFC 4648 §5) for n bytes. */
#define CRYPTO_B64_LEN(n) (((n)*4 + 2) / 3)

/* Writes exactly CRYPTO_B64_LEN(n) characters and a NUL. */
void crypto_b64_encode(const void *bytes, size_t n, char *out, size_t size);

/*
 * Strict: exactly the one spelling that encode makes of out_len bytes (no
 * padding, no line breaks, unused bits zero). 0 or -1.
 */
int crypto_b64_decode(const char *text, size_t n, uint8_t *out, size_t out_len);

/* Lower-case hex of n bytes and a NUL: 2n + 1 characters. */
void crypto_hex(const void *bytes, size_t n, char *out, size_t size);

/*
 * Password hashing, Argon2id version 1.3 (RFC 9106) in the usual text form
 * "$argon2id$v=19$m=...,t=...,p=1$salt$hash".
 */
#define CRYPTO_PASSWORD_SIZE 128 /* with its NUL */

enum crypto_password_err {
	CRYPTO_PASSWORD_OK = 0,
	CRYPTO_PASSWORD_WRONG,
	CRYPTO_PASSWORD_FORMAT, /* not such a hash */
	CRYPTO_PASSWORD_NOMEM, /* no memory, or a cost out of range */
};

/* memory_kib >= 8, passes >= 1. OK or NOMEM. */
enum crypto_password_err crypto_password_hash(const char *pw, size_t n,
    int64_t memory_kib, int64_t passes, char out[static CRYPTO_PASSWORD_SIZE]);
enum crypto_password_err
crypto_password_verify(const char *hash, const char *pw, size_t n);

/* 1: made with another cost; 0: with this one; -1: not such a hash. */
int crypto_password_is_other_cost(
    const char *hash, int64_t memory_kib, int64_t passes);

/*
 * Random bytes from the system; a test may put its own source in place
 * (NULL: the system again).
 */
void crypto_random(void *bytes, size_t n);
void crypto_set_random(void (*source)(void *bytes, size_t n));

#endif
