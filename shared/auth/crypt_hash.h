/*
 * Hashes of crypt(5), as they come with imported accounts. Verified only:
 * what we make ourselves is Argon2id. The only file that knows libcrypt.
 */
#ifndef AUTH_CRYPT_HASH_H
#define AUTH_CRYPT_HASH_H

#include "auth/crypto.h"

/*
 * hash must be HASH_FORM_CRYPT: it says itself what the comparison costs.
 * A password with a NUL in it or of more than 511 bytes is never right;
 * bcrypt compares the first 72 bytes.
 */
enum crypto_password_err
crypt_hash_verify(const char *hash, const char *pw, size_t n);

#endif
