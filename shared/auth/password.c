/*
 * Passwords are bytes: not trimmed, not normalized, not cut. The price of a
 * guess is what the configuration says, and a name that does not exist costs
 * the same, so that the time of an answer does not tell names. A hash that
 * came with an imported account costs what it asks for and ours on top: such
 * a name is never answered sooner than others.
 */
#include "auth/password.h"

#include "auth/crypt_hash.h"
#include "auth/crypto.h"
#include "auth/hash_form.h"
#include "auth/name.h"
#include "auth/password_common.h"

#include <string.h>

_Static_assert(PASSWORD_HASH_SIZE == CRYPTO_PASSWORD_SIZE, "hash size");

/* Names as accounts are looked up: any case, any spelling of accents. */
static bool
is_name(const char *pw, size_t n, const char *name)
{
	char same[NAME_SIZE], a[NAME_FOLD_SIZE], b[NAME_FOLD_SIZE];

	return name_canonical(pw, n, same) == NAME_OK &&
	    name_fold(same, a) == NAME_OK && name_fold(name, b) == NAME_OK &&
	    strcmp(a, b) == 0;
}

enum password_err
password_check_new(const char *pw, size_t n, const char *name, int64_t min)
{
	if (min > 0 && n < (uint64_t)min)
		return PASSWORD_SHORT;
	if (n == 0)
		return PASSWORD_SHORT;
	if (n > PASSWORD_BYTES_MAX)
		return PASSWORD_LONG;
	if (password_is_common(pw, n) || is_name(pw, n, name))
		return PASSWORD_COMMON;
	return PASSWORD_OK;
}

enum password_err
password_hash(const char *pw, size_t n, const struct password_cost *cost,
    char out[static PASSWORD_HASH_SIZE])
{
	if (n > PASSWORD_BYTES_MAX)
		return PASSWORD_LONG;
	if (crypto_password_hash(pw, n, cost->memory_kib, cost->passes, out) !=
	    CRYPTO_PASSWORD_OK)
		return PASSWORD_NOMEM;
	return PASSWORD_OK;
}

/* What a comparison with a hash of that cost costs. OK or NOMEM. */
static enum password_err
spend(const char *pw, size_t n, const struct password_cost *cost)
{
	char unused[PASSWORD_HASH_SIZE];

	enum password_err err = password_hash(pw, n, cost, unused);
	crypto_wipe(unused, sizeof(unused));
	return err;
}

enum password_err
password_verify(const char *hash, const char *pw, size_t n,
    const struct password_cost *cost)
{
	enum password_err spent = PASSWORD_OK;
	enum crypto_password_err err = CRYPTO_PASSWORD_WRONG;

	/* Its length is known to who sent it: nothing is told by this. */
	if (n > PASSWORD_BYTES_MAX)
		return PASSWORD_WRONG;
	bool is_crypt = hash != NULL &&
	    hash_form_parse(hash, strlen(hash)) == HASH_FORM_CRYPT;
	if (is_crypt)
		err = crypt_hash_verify(hash, pw, n);
	else if (hash != NULL)
		err = crypto_password_verify(hash, pw, n);
	if (hash == NULL || is_crypt)
		spent = spend(pw, n, cost);
	if (spent != PASSWORD_OK)
		return spent;
	switch (err) {
	case CRYPTO_PASSWORD_OK:
		return PASSWORD_OK;
	case CRYPTO_PASSWORD_WRONG:
		return PASSWORD_WRONG;
	case CRYPTO_PASSWORD_NOMEM:
		return PASSWORD_NOMEM;
	case CRYPTO_PASSWORD_FORMAT:
		break;
	}
	return PASSWORD_UNUSABLE;
}

bool
password_needs_rehash(const char *hash, const struct password_cost *cost)
{
	return crypto_password_is_other_cost(
		   hash, cost->memory_kib, cost->passes) != 0;
}

const char *
password_strerror(enum password_err err)
{
	switch (err) {
	case PASSWORD_OK:
		return "a good password";
	case PASSWORD_WRONG:
		return "wrong password";
	case PASSWORD_SHORT:
		return "the password is too short";
	case PASSWORD_LONG:
		return "the password is longer than 1024 bytes";
	case PASSWORD_COMMON:
		return "this password is among the first that are guessed";
	case PASSWORD_NOMEM:
		return "not enough memory to hash the password";
	case PASSWORD_UNUSABLE:
		break;
	}
	return "the stored password hash cannot be read";
}
