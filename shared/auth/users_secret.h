/*
 * The secret under which user names are filed: DIR/users/secret, mode 0600,
 * one line of base64url.
 */
#ifndef AUTH_USERS_SECRET_H
#define AUTH_USERS_SECRET_H

#include "auth/crypto.h"
#include "base/buf.h"
#include "store/store.h"

/* Makes it unless it is there. 0, or -1 with errno. */
int users_secret_make(const char *path);

/*
 * STORE_MISSING; STORE_CORRUPT: it is no secret; STORE_DENIED: not a regular
 * file, or open to others. error gets "PATH: why".
 */
enum store_err users_secret_load(const char *path,
    uint8_t secret[static CRYPTO_KEY_BYTES], struct buf *error);

#endif
