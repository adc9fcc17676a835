/*
 * Signed tokens: v1.KID.ID.MAC, ID 16 random bytes, MAC an HMAC-SHA-256 over
 * purpose, version, key id and ID; all base64url in the one canonical
 * spelling. Pure but for the keyring that is passed in.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "auth/keyring.h"

#define TOKEN_ID_BYTES 16
/* "v1." KID "." ID "." MAC and a NUL */
#define TOKEN_SIZE                                                      \
	(3 + KEYRING_KID_MAX + 1 + CRYPTO_B64_LEN(TOKEN_ID_BYTES) + 1 + \
	    CRYPTO_B64_LEN(CRYPTO_MAC_BYTES) + 1)

/* Purposes never stand in for one another. */
enum token_purpose {
	TOKEN_SESSION,
	TOKEN_CSRF, /* pre-session */
	TOKEN_DEVICE,
};

enum token_err {
	TOKEN_OK = 0,
	TOKEN_MALFORMED, /* length, version, alphabet, spelling */
	TOKEN_UNKNOWN_KEY,
	TOKEN_FORGED, /* MAC */
};

/* Signs id with the current key. */
void token_make(const struct keyring *k, enum token_purpose purpose,
    const uint8_t id[static TOKEN_ID_BYTES], char out[static TOKEN_SIZE]);

/* Checks n bytes (no NUL needed) and gives the ID. Constant time in MAC. */
enum token_err token_verify(const struct keyring *k, enum token_purpose purpose,
    const char *text, size_t n, uint8_t id[static TOKEN_ID_BYTES]);

/*
 * A MAC bound to a token's ID, for values that live inside one session or
 * pre-session (form CSRF): base64url of HMAC(purpose label, id).
 */
#define TOKEN_BOUND_SIZE (CRYPTO_B64_LEN(CRYPTO_MAC_BYTES) + 1)
void token_bind(const struct keyring *k, const char *label,
    const uint8_t id[static TOKEN_ID_BYTES], char out[static TOKEN_BOUND_SIZE]);

/* Accepts a bound value of any key of the ring. */
bool token_is_bound(const struct keyring *k, const char *label,
    const uint8_t id[static TOKEN_ID_BYTES], const char *text, size_t n);

#endif
