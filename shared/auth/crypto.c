/*
 * A thin wall around libsodium: the rest of the house sees byte arrays and
 * enums, so that the library can be changed in this one file. Everything
 * here that touches a secret runs in constant time or wipes behind itself,
 * but for the key schedule that is kept (below).
 */
#include "auth/crypto.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

_Static_assert(CRYPTO_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "key");
_Static_assert(CRYPTO_MAC_BYTES == crypto_auth_hmacsha256_BYTES, "mac");
_Static_assert(CRYPTO_HASH_BYTES == crypto_hash_sha256_BYTES, "hash");
_Static_assert(CRYPTO_PASSWORD_SIZE == crypto_pwhash_STRBYTES, "password");

static void (*random_source)(void *bytes, size_t n);

int
crypto_init(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

/*
 * Nearly all MACs of a process are made with one key, and half the work of a
 * short one is the same for all of them: what the key alone determines is
 * kept for the key used last.
 */
static _Thread_local struct {
	uint8_t key[CRYPTO_KEY_BYTES];
	crypto_auth_hmacsha256_state state;
	bool is_set;
} prepared;

void
crypto_hmac(const uint8_t key[static CRYPTO_KEY_BYTES], const void *bytes,
    size_t n, uint8_t mac[static CRYPTO_MAC_BYTES])
{
	crypto_auth_hmacsha256_state state;

	if (!prepared.is_set ||
	    !crypto_equal(prepared.key, key, sizeof(prepared.key))) {
		crypto_auth_hmacsha256_init(
		    &prepared.state, key, CRYPTO_KEY_BYTES);
		memcpy(prepared.key, key, sizeof(prepared.key));
		prepared.is_set = true;
	}
	state = prepared.state;
	crypto_auth_hmacsha256_update(&state, bytes, n);
	crypto_auth_hmacsha256_final(&state, mac);
	crypto_wipe(&state, sizeof(state));
}

void
crypto_sha256(
    const void *bytes, size_t n, uint8_t hash[static CRYPTO_HASH_BYTES])
{
	crypto_hash_sha256(hash, bytes, n);
}

bool
crypto_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void
crypto_wipe(void *bytes, size_t n)
{
	sodium_memzero(bytes, n);
}

void
crypto_buf_fini(struct buf *b)
{
	if (b->data != NULL)
		crypto_wipe(b->data, b->cap);
	buf_fini(b);
}

void
crypto_b64_encode(const void *bytes, size_t n, char *out, size_t size)
{
	assert(size > CRYPTO_B64_LEN(n));
	sodium_bin2base64(
	    out, size, bytes, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* One more than the six bits of a character; 0: not of the alphabet. */
static const uint8_t b64_values[256] = {
    ['A'] = 1,
    ['B'] = 2,
    ['C'] = 3,
    ['D'] = 4,
    ['E'] = 5,
    ['F'] = 6,
    ['G'] = 7,
    ['H'] = 8,
    ['I'] = 9,
    ['J'] = 10,
    ['K'] = 11,
    ['L'] = 12,
    ['M'] = 13,
    ['N'] = 14,
    ['O'] = 15,
    ['P'] = 16,
    ['Q'] = 17,
    ['R'] = 18,
    ['S'] = 19,
    ['T'] = 20,
    ['U'] = 21,
    ['V'] = 22,
    ['W'] = 23,
    ['X'] = 24,
    ['Y'] = 25,
    ['Z'] = 26,
    ['a'] = 27,
    ['b'] = 28,
    ['c'] = 29,
    ['d'] = 30,
    ['e'] = 31,
    ['f'] = 32,
    ['g'] = 33,
    ['h'] = 34,
    ['i'] = 35,
    ['j'] = 36,
    ['k'] = 37,
    ['l'] = 38,
    ['m'] = 39,
    ['n'] = 40,
    ['o'] = 41,
    ['p'] = 42,
    ['q'] = 43,
    ['r'] = 44,
    ['s'] = 45,
    ['t'] = 46,
    ['u'] = 47,
    ['v'] = 48,
    ['w'] = 49,
    ['x'] = 50,
    ['y'] = 51,
    ['z'] = 52,
    ['0'] = 53,
    ['1'] = 54,
    ['2'] = 55,
    ['3'] = 56,
    ['4'] = 57,
    ['5'] = 58,
    ['6'] = 59,
    ['7'] = 60,
    ['8'] = 61,
    ['9'] = 62,
    ['-'] = 63,
    ['_'] = 64,
};

/*
 * Not the library's: sodium_base642bin of 1.0.18 takes every byte above
 * 0x7f for a character where char is signed, which would give a token many
 * spellings.
 */
int
crypto_b64_decode(const char *text, size_t n, uint8_t *out, size_t out_len)
{
	uint32_t bits = 0;
	unsigned have = 0;

	/* This leaves no room for padding. */
	if (n != CRYPTO_B64_LEN(out_len))
		return -1;
	for (size_t i = 0; i < n; i++) {
		uint8_t v = b64_values[(unsigned char)text[i]];
		if (v == 0)
			return -1;
		bits = bits << 6 | (v - 1U);
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	return (bits & ((1U << have) - 1)) == 0 ? 0 : -1;
}

void
crypto_hex(const void *bytes, size_t n, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	assert(size > 2 * n);
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[b[i] >> 4];
		*out++ = digits[b[i] & 15];
	}
	*out = '\0';
}

static bool
is_cost(int64_t memory_kib, int64_t passes)
{
	return passes >= (int64_t)crypto_pwhash_argon2id_OPSLIMIT_MIN &&
	    passes <= (int64_t)crypto_pwhash_argon2id_OPSLIMIT_MAX &&
	    memory_kib >= (int64_t)crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024 &&
	    memory_kib <= (int64_t)(crypto_pwhash_argon2id_MEMLIMIT_MAX / 1024);
}

enum crypto_password_err
crypto_password_hash(const char *pw, size_t n, int64_t memory_kib,
    int64_t passes, char out[static CRYPTO_PASSWORD_SIZE])
{
	if (!is_cost(memory_kib, passes))
		return CRYPTO_PASSWORD_NOMEM;
	if (crypto_pwhash_str_alg(out, pw, n, (unsigned long long)passes,
		(size_t)memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return CRYPTO_PASSWORD_NOMEM;
	return CRYPTO_PASSWORD_OK;
}

/* The library asks only for the prefix; here it must be Argon2id. */
static bool
is_argon2id(const char *hash)
{
	const char *prefix = crypto_pwhash_argon2id_STRPREFIX;

	return strncmp(hash, prefix, strlen(prefix)) == 0 &&
	    strlen(hash) < CRYPTO_PASSWORD_SIZE;
}

/* What crypto_password_hash writes, taken apart. */
struct own_hash {
	unsigned long memory_kib;
	unsigned long long passes;
	uint8_t salt[crypto_pwhash_argon2id_SALTBYTES];
	uint8_t out[32];
};

/* Of a hash the library can read: whether it has that form. */
static bool
read_own_hash(const char *hash, struct own_hash *own)
{
	char salt[23], out[44]; /* 16 and 32 bytes in Base64, and the NUL */
	int end = 0;
	const int alphabet = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;

	if (sscanf(hash,
		"$argon2id$v=19$m=%lu,t=%llu,p=1$%22[A-Za-z0-9+/]"
		"$%43[A-Za-z0-9+/]%n",
		&own->memory_kib, &own->passes, salt, out, &end) != 4 ||
	    hash[end] != '\0')
		return false;
	size_t salt_len, out_len;
	return sodium_base642bin(own->salt, sizeof(own->salt), salt,
		   strlen(salt), NULL, &salt_len, NULL, alphabet) == 0 &&
	    sodium_base642bin(own->out, sizeof(own->out), out, strlen(out),
		NULL, &out_len, NULL, alphabet) == 0 &&
	    salt_len == sizeof(own->salt) && out_len == sizeof(own->out);
}

static enum crypto_password_err
verify_own(const struct own_hash *own, const char *pw, size_t n)
{
	uint8_t out[sizeof(own->out)];

	if (crypto_pwhash_argon2id(out, sizeof(out), pw, n, own->salt,
		own->passes, own->memory_kib * 1024,
		crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return CRYPTO_PASSWORD_NOMEM;
	bool is_equal = crypto_equal(out, own->out, sizeof(out));
	crypto_wipe(out, sizeof(out));
	return is_equal ? CRYPTO_PASSWORD_OK : CRYPTO_PASSWORD_WRONG;
}

enum crypto_password_err
crypto_password_verify(const char *hash, const char *pw, size_t n)
{
	struct own_hash own;

	/* The library takes memory to look at a hash, too. */
	errno = 0;
	if (crypto_password_is_other_cost(hash, 8, 1) < 0)
		return errno == ENOMEM ? CRYPTO_PASSWORD_NOMEM
				       : CRYPTO_PASSWORD_FORMAT;
	/*
	 * The library's crypto_pwhash_str_verify calls a password wrong when
	 * it could not have the memory to compute its hash. So ours are
	 * computed and compared here; others, of imported accounts, are
	 * hashed anew at their first sign-in.
	 */
	if (read_own_hash(hash, &own))
		return verify_own(&own, pw, n);
	errno = 0;
	if (crypto_pwhash_str_verify(hash, pw, n) == 0)
		return CRYPTO_PASSWORD_OK;
	return errno == EINVAL ? CRYPTO_PASSWORD_WRONG : CRYPTO_PASSWORD_NOMEM;
}

int
crypto_password_is_other_cost(
    const char *hash, int64_t memory_kib, int64_t passes)
{
	if (!is_argon2id(hash) || !is_cost(memory_kib, passes))
		return -1;
	return crypto_pwhash_str_needs_rehash(
	    hash, (unsigned long long)passes, (size_t)memory_kib * 1024);
}

void
crypto_random(void *bytes, size_t n)
{
	if (random_source != NULL)
		random_source(bytes, n);
	else
		randombytes_buf(bytes, n);
}

void
crypto_set_random(void (*source)(void *bytes, size_t n))
{
	random_source = source;
}
