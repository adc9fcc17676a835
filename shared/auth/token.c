/*
 * Tokens are short, of one spelling, and worth nothing without the MAC: the
 * MAC is checked before any store is asked, so a flood of invented cookies
 * costs two microseconds each and no I/O.
 *
 * What is signed names its use first ("gatecast token", "gatecast bind"),
 * then every variable part ends in a NUL that it cannot contain or has a
 * fixed length; so no two inputs of different meaning are the same bytes.
 */
#include "auth/token.h"

#include <assert.h>
#include <string.h>

#define VERSION "v1"
#define ID_CHARS CRYPTO_B64_LEN(TOKEN_ID_BYTES)
#define MAC_CHARS CRYPTO_B64_LEN(CRYPTO_MAC_BYTES)

#define TOKEN_USE "gatecast token"
#define BIND_USE "gatecast bind"

static const char *const purposes[] = {
    [TOKEN_SESSION] = "session",
    [TOKEN_CSRF] = "csrf",
    [TOKEN_DEVICE] = "device",
};
#define PURPOSE_MAX 7

struct message {
	uint8_t bytes[sizeof(TOKEN_USE) + PURPOSE_MAX + 1 + sizeof(VERSION) +
	    KEYRING_KID_MAX + 1 + TOKEN_ID_BYTES];
	size_t n;
};

/* Appends n bytes; a string is added with its NUL. */
static void
add(struct message *m, const void *bytes, size_t n)
{
	assert(n <= sizeof(m->bytes) - m->n);
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

static void
sign(const struct keyring_key *key, enum token_purpose purpose,
    const uint8_t id[static TOKEN_ID_BYTES],
    uint8_t mac[static CRYPTO_MAC_BYTES])
{
	const char *name = purposes[purpose];
	struct message m;

	m.n = 0;
	add(&m, TOKEN_USE, sizeof(TOKEN_USE));
	add(&m, name, strlen(name) + 1);
	add(&m, VERSION, sizeof(VERSION));
	add(&m, key->kid, strlen(key->kid) + 1);
	add(&m, id, TOKEN_ID_BYTES);
	crypto_hmac(key->secret, m.bytes, m.n, mac);
}

void
token_make(const struct keyring *k, enum token_purpose purpose,
    const uint8_t id[static TOKEN_ID_BYTES], char out[static TOKEN_SIZE])
{
	const struct keyring_key *key = keyring_current(k);
	uint8_t mac[CRYPTO_MAC_BYTES];
	char *p = out;
	size_t kid_len = strlen(key->kid);

	sign(key, purpose, id, mac);
	memcpy(p, VERSION ".", sizeof(VERSION));
	p += sizeof(VERSION);
	memcpy(p, key->kid, kid_len);
	p += kid_len;
	*p++ = '.';
	crypto_b64_encode(id, TOKEN_ID_BYTES, p, ID_CHARS + 1);
	p += ID_CHARS;
	*p++ = '.';
	crypto_b64_encode(mac, sizeof(mac), p, MAC_CHARS + 1);
}

enum token_err
token_verify(const struct keyring *k, enum token_purpose purpose,
    const char *text, size_t n, uint8_t id[static TOKEN_ID_BYTES])
{
	uint8_t raw_id[TOKEN_ID_BYTES];
	uint8_t mac[CRYPTO_MAC_BYTES], want[CRYPTO_MAC_BYTES];
	const size_t tail = 1 + ID_CHARS + 1 + MAC_CHARS;

	/* Both ends have fixed lengths; what is between them is the kid. */
	if (n < sizeof(VERSION) + 1 + tail || n >= TOKEN_SIZE)
		return TOKEN_MALFORMED;
	if (memcmp(text, VERSION ".", sizeof(VERSION)) != 0)
		return TOKEN_MALFORMED;
	const char *kid = text + sizeof(VERSION);
	size_t kid_len = n - sizeof(VERSION) - tail;
	const char *id_text = kid + kid_len + 1;
	const char *mac_text = id_text + ID_CHARS + 1;
	if (id_text[-1] != '.' || mac_text[-1] != '.')
		return TOKEN_MALFORMED;
	for (size_t i = 0; i < kid_len; i++)
		if (!((kid[i] >= 'a' && kid[i] <= 'z') ||
			(kid[i] >= '0' && kid[i] <= '9')))
			return TOKEN_MALFORMED;
	if (crypto_b64_decode(id_text, ID_CHARS, raw_id, sizeof(raw_id)) != 0)
		return TOKEN_MALFORMED;
	if (crypto_b64_decode(mac_text, MAC_CHARS, mac, sizeof(mac)) != 0)
		return TOKEN_MALFORMED;

	const struct keyring_key *key = keyring_find(k, kid, kid_len);
	if (key == NULL)
		return TOKEN_UNKNOWN_KEY;
	sign(key, purpose, raw_id, want);
	if (!crypto_equal(mac, want, sizeof(mac)))
		return TOKEN_FORGED;
	memcpy(id, raw_id, TOKEN_ID_BYTES);
	return TOKEN_OK;
}

/* A label may be of any length, so its hash stands for it. */
static void
sign_bound(const struct keyring_key *key, const char *label,
    const uint8_t id[static TOKEN_ID_BYTES],
    uint8_t mac[static CRYPTO_MAC_BYTES])
{
	uint8_t m[sizeof(BIND_USE) + CRYPTO_HASH_BYTES + TOKEN_ID_BYTES];

	memcpy(m, BIND_USE, sizeof(BIND_USE));
	crypto_sha256(label, strlen(label), m + sizeof(BIND_USE));
	memcpy(m + sizeof(BIND_USE) + CRYPTO_HASH_BYTES, id, TOKEN_ID_BYTES);
	crypto_hmac(key->secret, m, sizeof(m), mac);
}

void
token_bind(const struct keyring *k, const char *label,
    const uint8_t id[static TOKEN_ID_BYTES], char out[static TOKEN_BOUND_SIZE])
{
	uint8_t mac[CRYPTO_MAC_BYTES];

	sign_bound(keyring_current(k), label, id, mac);
	crypto_b64_encode(mac, sizeof(mac), out, TOKEN_BOUND_SIZE);
}

bool
token_is_bound(const struct keyring *k, const char *label,
    const uint8_t id[static TOKEN_ID_BYTES], const char *text, size_t n)
{
	uint8_t mac[CRYPTO_MAC_BYTES], want[CRYPTO_MAC_BYTES];

	if (crypto_b64_decode(text, n, mac, sizeof(mac)) != 0)
		return false;
	for (size_t i = 0; i < k->n; i++) {
		sign_bound(&k->keys[i], label, id, want);
		if (crypto_equal(mac, want, sizeof(mac)))
			return true;
	}
	return false;
}
