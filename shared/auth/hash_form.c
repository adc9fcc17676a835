/*
 * crypt(5) says what the texts look like. libcrypt would find out as well,
 * after it has spent what the text asks for: so the cost is read here first,
 * and what is not exactly as the usual programs write it is refused.
 */
#include "auth/hash_form.h"

#include "auth/crypto.h"
#include "base/number.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What is left of the text. */
struct cursor {
	const char *p;
	const char *end;
};

static bool
skip(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	return true;
}

/* A number up to max in its one spelling, then that character. */
static bool
take_number(struct cursor *c, char stop, int64_t max, int64_t *out)
{
	const char *at = memchr(c->p, stop, (size_t)(c->end - c->p));

	if (at == NULL || (*c->p == '0' && at - c->p > 1) ||
	    !number_parse(c->p, (size_t)(at - c->p), max, out))
		return false;
	c->p = at + 1;
	return true;
}

/* The place in crypt's alphabet "./0-9A-Za-z", or -1. */
static int
crypt64(char c)
{
	if (c == '.' || c == '/')
		return c - '.';
	if (c >= '0' && c <= '9')
		return c - '0' + 2;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 12;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 38;
	return -1;
}

/* The characters of crypt's alphabet from here on. */
static size_t
take_crypt64(struct cursor *c)
{
	const char *from = c->p;

	while (c->p < c->end && crypt64(*c->p) >= 0)
		c->p++;
	return (size_t)(c->p - from);
}

/* "SALT$HASH" and nothing behind it. */
static enum hash_form
salt_and_hash(struct cursor *c, size_t salt_max, size_t hash_len)
{
	size_t n = take_crypt64(c);

	if (n == 0 || n > salt_max || !skip(c, "$") ||
	    take_crypt64(c) != hash_len || c->p != c->end)
		return HASH_FORM_DAMAGED;
	return HASH_FORM_CRYPT;
}

/* "NN$" and 22 characters of salt, 31 of hash. */
static enum hash_form
parse_bcrypt(struct cursor *c)
{
	int64_t cost;

	if (c->end - c->p < 3 || c->p[2] != '$' ||
	    !number_parse(c->p, 2, 31, &cost) || cost < 4)
		return HASH_FORM_DAMAGED;
	c->p += 3;
	if (take_crypt64(c) != 53 || c->p != c->end)
		return HASH_FORM_DAMAGED;
	return cost > HASH_FORM_BCRYPT_COST_MAX ? HASH_FORM_COSTLY
						: HASH_FORM_CRYPT;
}

static enum hash_form
parse_sha(struct cursor *c, size_t hash_len)
{
	int64_t rounds = 5000;

	if (skip(c, "rounds=") &&
	    (!take_number(c, '$', 999999999, &rounds) || rounds < 1000))
		return HASH_FORM_DAMAGED;
	enum hash_form form = salt_and_hash(c, 16, hash_len);
	if (form == HASH_FORM_CRYPT && rounds > HASH_FORM_SHA_ROUNDS_MAX)
		return HASH_FORM_COSTLY;
	return form;
}

/* Flavour, log2 N, r: one character each, then salt and hash. */
static enum hash_form
parse_yescrypt(struct cursor *c)
{
	if (c->end - c->p < 4 || c->p[0] != 'j' || c->p[3] != '$')
		return HASH_FORM_DAMAGED;
	int log2_n = crypt64(c->p[1]) + 1;
	int r = crypt64(c->p[2]) + 1;
	/* From 48 on the character begins a number of several. */
	if (log2_n < 2 || log2_n > 48 || r < 1 || r > 48)
		return HASH_FORM_DAMAGED;
	c->p += 4;
	enum hash_form form = salt_and_hash(c, 86, 43);
	if (form == HASH_FORM_CRYPT &&
	    (UINT64_C(1) << log2_n) * (unsigned)r * 128 / 1024 >
		HASH_FORM_MEMORY_KIB_MAX)
		return HASH_FORM_COSTLY;
	return form;
}

/* "v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH"; text is all of it. */
static enum hash_form
parse_argon2id(struct cursor *c, const char *text, size_t n)
{
	char copy[CRYPTO_PASSWORD_SIZE];
	int64_t memory, passes, lanes;

	if (!skip(c, "v=19$m=") || !take_number(c, ',', UINT32_MAX, &memory) ||
	    !skip(c, "t=") || !take_number(c, ',', UINT32_MAX, &passes) ||
	    !skip(c, "p=") || !take_number(c, '$', 255, &lanes))
		return HASH_FORM_DAMAGED;
	if (memory == 0 || passes == 0)
		return HASH_FORM_DAMAGED;
	/* First: what does not fit into 32 bits its library calls damaged. */
	if (memory > HASH_FORM_MEMORY_KIB_MAX ||
	    memory * passes > HASH_FORM_ARGON2_WORK_KIB_MAX)
		return HASH_FORM_COSTLY;
	/* Whether salt and hash can be read its library says best. */
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (memchr(text, '\0', n) != NULL ||
	    crypto_password_is_other_cost(copy, 8, 1) < 0)
		return HASH_FORM_DAMAGED;
	return HASH_FORM_ARGON2ID;
}

/* Not taken: which one it is, for the message. */
static enum hash_form
name_other(struct cursor *c)
{
	if (skip(c, "{SHA}") || skip(c, "{SSHA}"))
		return HASH_FORM_SHA1;
	if (skip(c, "$apr1$") || skip(c, "$1$"))
		return HASH_FORM_MD5;
	if (take_crypt64(c) == 13 && c->p == c->end)
		return HASH_FORM_DES;
	return HASH_FORM_UNKNOWN;
}

enum hash_form
hash_form_parse(const char *text, size_t n)
{
	struct cursor c = {text, text + n};

	if (n == 0)
		return HASH_FORM_EMPTY;
	if (n >= CRYPTO_PASSWORD_SIZE)
		return HASH_FORM_UNKNOWN;
	if (skip(&c, "$argon2id$"))
		return parse_argon2id(&c, text, n);
	if (skip(&c, "$2a$") || skip(&c, "$2b$") || skip(&c, "$2y$"))
		return parse_bcrypt(&c);
	if (skip(&c, "$5$"))
		return parse_sha(&c, 43);
	if (skip(&c, "$6$"))
		return parse_sha(&c, 86);
	if (skip(&c, "$y$"))
		return parse_yescrypt(&c);
	return name_other(&c);
}

const char *
hash_form_reason(enum hash_form form)
{
	switch (form) {
	case HASH_FORM_ARGON2ID:
	case HASH_FORM_CRYPT:
		break;
	case HASH_FORM_EMPTY:
		return "the hash is empty";
	case HASH_FORM_DAMAGED:
		return "the hash is cut short, damaged or of an unusual form";
	case HASH_FORM_COSTLY:
		return "the hash asks for more than a sign-in may cost (bcrypt "
		       "up to 14, SHA-crypt up to 1000000 rounds, yescrypt and "
		       "Argon2id up to 256 MiB); make a new one";
	case HASH_FORM_SHA1:
		return "{SHA} is unsalted SHA-1 and not taken; make a hash "
		       "with htpasswd -B or mkpasswd";
	case HASH_FORM_MD5:
		return "$apr1$ and $1$ are MD5 and not taken; make a hash "
		       "with htpasswd -B or mkpasswd";
	case HASH_FORM_DES:
		return "this is DES crypt or a plain password and not taken; "
		       "make a hash with htpasswd -B or mkpasswd";
	case HASH_FORM_UNKNOWN:
		return "this is no bcrypt, SHA-crypt, yescrypt or Argon2id "
		       "hash; a plain password belongs into the column "
		       "password of a CSV file";
	}
	return "the hash is good";
}
