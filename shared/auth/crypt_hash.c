/*
 * libcrypt takes C strings: what would be cut at a NUL or is too long for it
 * cannot have been hashed and is told apart before.
 */
#include "auth/crypt_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>

enum crypto_password_err
crypt_hash_verify(const char *hash, const char *pw, size_t n)
{
	enum crypto_password_err err = CRYPTO_PASSWORD_WRONG;
	char phrase[CRYPT_MAX_PASSPHRASE_SIZE];

	if (n >= sizeof(phrase) || memchr(pw, '\0', n) != NULL)
		return CRYPTO_PASSWORD_WRONG;
	/* 32 KiB, all of which must be zero at first. */
	struct crypt_data *data = calloc(1, sizeof(*data));
	if (data == NULL)
		return CRYPTO_PASSWORD_NOMEM;
	memcpy(phrase, pw, n);
	phrase[n] = '\0';
	errno = 0;
	const char *made = crypt_rn(phrase, hash, data, (int)sizeof(*data));
	if (made == NULL)
		err = errno == ENOMEM ? CRYPTO_PASSWORD_NOMEM
				      : CRYPTO_PASSWORD_FORMAT;
	else if (strlen(made) == strlen(hash) &&
	    crypto_equal(made, hash, strlen(hash)))
		err = CRYPTO_PASSWORD_OK;
	crypto_wipe(phrase, sizeof(phrase));
	crypto_wipe(data, sizeof(*data));
	free(data);
	return err;
}
