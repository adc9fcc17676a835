/*
 * Which kind of password hash a text is, and whether verifying it costs no
 * more than a sign-in may cost. Strict; pure.
 */
#ifndef AUTH_HASH_FORM_H
#define AUTH_HASH_FORM_H

#include <stddef.h>

/*
 * The most that a hash from elsewhere may ask for: about a second and 256
 * MiB, of each sign-in with it, until the first that succeeds. SHA-crypt's
 * time grows with the password too: 0.3 s for 12 bytes, 3 s for 511.
 */
#define HASH_FORM_BCRYPT_COST_MAX 14
#define HASH_FORM_SHA_ROUNDS_MAX 1000000
#define HASH_FORM_MEMORY_KIB_MAX 262144 /* yescrypt, Argon2id */
#define HASH_FORM_ARGON2_WORK_KIB_MAX 1048576 /* memory times passes */

enum hash_form {
	HASH_FORM_ARGON2ID = 0,
	HASH_FORM_CRYPT, /* bcrypt, SHA-crypt or yescrypt: for crypt_hash */
	/* not usable: */
	HASH_FORM_EMPTY,
	HASH_FORM_DAMAGED, /* of these kinds, and not whole or not usual */
	HASH_FORM_COSTLY,
	HASH_FORM_SHA1, /* {SHA}, {SSHA} */
	HASH_FORM_MD5, /* $apr1$, $1$ */
	HASH_FORM_DES, /* 13 characters: or a plain password */
	HASH_FORM_UNKNOWN, /* a plain password, most likely */
};

/*
 * Of n bytes: Argon2id in its usual text form; "$2a$", "$2b$", "$2y$" as of
 * htpasswd -B; "$5$" and "$6$"; "$y$" with flavour j and without optional
 * parameters, as crypt_gensalt(3) makes it.
 */
enum hash_form hash_form_parse(const char *text, size_t n);

/* Why it cannot be used and what to do; not for the first two. */
const char *hash_form_reason(enum hash_form form);

#endif
