/* auth/token: one spelling is accepted, everything near it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "auth/token.h"

static struct keyring ring;
static uint8_t id[TOKEN_ID_BYTES];
static char token[TOKEN_SIZE];

static void
set_key(struct keyring_key *key, const char *kid, int fill,
    enum keyring_state state)
{
	memset(key, 0, sizeof(*key));
	snprintf(key->kid, sizeof(key->kid), "%s", kid);
	memset(key->secret, fill, sizeof(key->secret));
	key->state = state;
}

static int
setup(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	set_key(&ring.keys[0], "k1", 1, KEYRING_CURRENT);
	set_key(&ring.keys[1], "k2longer", 2, KEYRING_PREVIOUS);
	ring.n = 2;
	for (size_t i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)(i * 17 + 3);
	token_make(&ring, TOKEN_SESSION, id, token);
	return crypto_init();
}

static enum token_err
verify(const char *text, size_t n)
{
	uint8_t got[TOKEN_ID_BYTES];

	return token_verify(&ring, TOKEN_SESSION, text, n, got);
}

/*
 * The MAC was computed with Python: hmac.new(b'\1' * 32, b'gatecast token\0'
 * b'session\0v1\0k1\0' + bytes((i*17+3) & 255 for i in range(16)), 'sha256')
 */
static void
test_known(void **state)
{
	(void)state;
	assert_string_equal(token,
	    "v1.k1.AxQlNkdYaXqLnK2-z-DxAg."
	    "W1i4xmnPWbexSU4FVwkDI_icr4Hod3jM3mhnTWi5AZw");
}

static void
test_round(void **state)
{
	uint8_t got[TOKEN_ID_BYTES] = {0};

	(void)state;
	assert_int_equal(
	    token_verify(&ring, TOKEN_SESSION, token, strlen(token), got),
	    TOKEN_OK);
	assert_memory_equal(got, id, sizeof(id));
}

static void
test_longest_kid(void **state)
{
	char text[TOKEN_SIZE];
	struct keyring one = {.n = 1};

	(void)state;
	set_key(&one.keys[0], "k2longer", 2, KEYRING_CURRENT);
	token_make(&one, TOKEN_SESSION, id, text);
	assert_int_equal(strlen(text), TOKEN_SIZE - 1);
	/* signed by a previous key of the ring: still good */
	assert_int_equal(verify(text, strlen(text)), TOKEN_OK);
}

static void
test_every_bit(void **state)
{
	char text[TOKEN_SIZE];
	size_t n = strlen(token);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, token, sizeof(text));
			text[i] = (char)(text[i] ^ (1 << bit));
			assert_int_not_equal(verify(text, n), TOKEN_OK);
		}
}

static void
test_every_byte(void **state)
{
	char text[TOKEN_SIZE];
	size_t n = strlen(token);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (int c = 0; c < 256; c++) {
			memcpy(text, token, sizeof(text));
			if (text[i] == (char)c)
				continue;
			text[i] = (char)c;
			assert_int_not_equal(verify(text, n), TOKEN_OK);
		}
}

static void
test_every_length(void **state)
{
	char text[2 * TOKEN_SIZE];
	size_t n = strlen(token);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(verify(token, i), TOKEN_MALFORMED);
		assert_int_not_equal(
		    verify(token + i + 1, n - i - 1), TOKEN_OK);
		/* one character left out */
		memcpy(text, token, i);
		memcpy(text + i, token + i + 1, n - i);
		assert_int_not_equal(verify(text, n - 1), TOKEN_OK);
		/* one said twice */
		memcpy(text, token, i + 1);
		memcpy(text + i + 1, token + i, n - i);
		assert_int_not_equal(verify(text, n + 1), TOKEN_OK);
	}
	memset(text, 'A', sizeof(text));
	memcpy(text, token, n);
	for (size_t i = n + 1; i < sizeof(text); i++)
		assert_int_not_equal(verify(text, i), TOKEN_OK);
	assert_int_equal(verify("", 0), TOKEN_MALFORMED);
}

static void
test_other_spellings(void **state)
{
	static const char *const formats[] = {
	    "%s=",
	    "%s==",
	    " %s",
	    "%s ",
	    "\"%s\"",
	    "%s.",
	    ".%s",
	    "%s\n",
	    "%s\r\n",
	};
	char text[2 * TOKEN_SIZE];
	size_t n = strlen(token);

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), formats[i], token);
#pragma GCC diagnostic pop
		assert_int_equal(verify(text, strlen(text)), TOKEN_MALFORMED);
	}
	/* with its NUL */
	assert_int_equal(verify(token, n + 1), TOKEN_MALFORMED);
	/* the standard alphabet where the url one has - and _ */
	memcpy(text, token, n + 1);
	bool has_changed = false;
	for (char *p = text; *p != '\0'; p++) {
		has_changed |= *p == '-' || *p == '_';
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	}
	assert_true(has_changed);
	assert_int_equal(verify(text, n), TOKEN_MALFORMED);
	/* the bits that the last character does not use */
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				       "mnopqrstuvwxyz0123456789-_";
	memcpy(text, token, n + 1);
	const char *last = strchr(alphabet, text[n - 1]);
	for (int bits = 1; bits < 4; bits++) {
		text[n - 1] = alphabet[(last - alphabet) | bits];
		assert_int_equal(verify(text, n), TOKEN_MALFORMED);
	}
	/* capitals in the key id */
	memcpy(text, token, n + 1);
	text[3] = 'K';
	assert_int_equal(verify(text, n), TOKEN_MALFORMED);
	/* versions */
	memcpy(text, token, n + 1);
	text[1] = '2';
	assert_int_equal(verify(text, n), TOKEN_MALFORMED);
}

static void
test_swapped(void **state)
{
	uint8_t other_id[TOKEN_ID_BYTES] = {9};
	char other[TOKEN_SIZE], text[TOKEN_SIZE];
	size_t n = strlen(token);
	size_t mac = n - CRYPTO_B64_LEN(CRYPTO_MAC_BYTES);

	(void)state;
	token_make(&ring, TOKEN_SESSION, other_id, other);
	assert_int_equal(verify(other, n), TOKEN_OK);
	memcpy(text, token, n);
	memcpy(text + mac, other + mac, n - mac);
	assert_int_equal(verify(text, n), TOKEN_FORGED);
	memcpy(text, other, n);
	memcpy(text + mac, token + mac, n - mac);
	assert_int_equal(verify(text, n), TOKEN_FORGED);
}

/* A MAC by one key under the id of another. */
static void
test_swapped_kid(void **state)
{
	struct keyring one = {.n = 1};
	char text[TOKEN_SIZE];

	(void)state;
	set_key(&one.keys[0], "k1", 2, KEYRING_CURRENT);
	token_make(&one, TOKEN_SESSION, id, text);
	assert_int_equal(verify(text, strlen(text)), TOKEN_FORGED);
	/* the same secret under two ids: the id is signed too */
	struct keyring twins = {.n = 2};
	set_key(&twins.keys[0], "aa", 1, KEYRING_CURRENT);
	set_key(&twins.keys[1], "bb", 1, KEYRING_PREVIOUS);
	token_make(&twins, TOKEN_SESSION, id, text);
	memcpy(text + 3, "bb", 2);
	uint8_t got[TOKEN_ID_BYTES];
	assert_int_equal(
	    token_verify(&twins, TOKEN_SESSION, text, strlen(text), got),
	    TOKEN_FORGED);
}

static void
test_purposes(void **state)
{
	static const enum token_purpose all[] = {
	    TOKEN_SESSION, TOKEN_CSRF, TOKEN_DEVICE};
	char text[TOKEN_SIZE];
	uint8_t got[TOKEN_ID_BYTES];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		token_make(&ring, all[i], id, text);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(token_verify(&ring, all[j], text,
					     strlen(text), got),
			    i == j ? TOKEN_OK : TOKEN_FORGED);
	}
}

static void
test_retired(void **state)
{
	struct keyring after = ring;
	uint8_t got[TOKEN_ID_BYTES] = {0};

	(void)state;
	/* k1 gone, another key current */
	set_key(&after.keys[0], "k3", 3, KEYRING_CURRENT);
	assert_int_equal(
	    token_verify(&after, TOKEN_SESSION, token, strlen(token), got),
	    TOKEN_UNKNOWN_KEY);
	struct keyring none = {.n = 0};
	assert_int_equal(
	    token_verify(&none, TOKEN_SESSION, token, strlen(token), got),
	    TOKEN_UNKNOWN_KEY);
	/* nothing is given out on refusal */
	static const uint8_t zero[TOKEN_ID_BYTES];
	assert_memory_equal(got, zero, sizeof(zero));
}

static void
test_bind(void **state)
{
	uint8_t other_id[TOKEN_ID_BYTES] = {1};
	char bound[TOKEN_BOUND_SIZE], text[TOKEN_BOUND_SIZE];
	size_t n = TOKEN_BOUND_SIZE - 1;

	(void)state;
	token_bind(&ring, "form", id, bound);
	assert_int_equal(strlen(bound), n);
	assert_true(token_is_bound(&ring, "form", id, bound, n));
	assert_false(token_is_bound(&ring, "for", id, bound, n));
	assert_false(token_is_bound(&ring, "form2", id, bound, n));
	assert_false(token_is_bound(&ring, "", id, bound, n));
	assert_false(token_is_bound(&ring, "form", other_id, bound, n));
	assert_false(token_is_bound(&ring, "form", id, bound, n - 1));
	assert_false(token_is_bound(&ring, "form", id, bound, n + 1));
	assert_false(token_is_bound(&ring, "form", id, "", 0));
	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, bound, sizeof(text));
			text[i] = (char)(text[i] ^ (1 << bit));
			assert_false(
			    token_is_bound(&ring, "form", id, text, n));
		}
	/* a token's own MAC is not a bound value */
	assert_false(
	    token_is_bound(&ring, "session", id, token + strlen(token) - n, n));

	/* after a rotation, and after the key is gone */
	struct keyring after = {.n = 2};
	set_key(&after.keys[0], "k3", 3, KEYRING_CURRENT);
	after.keys[1] = ring.keys[0];
	assert_true(token_is_bound(&after, "form", id, bound, n));
	after.n = 1;
	assert_false(token_is_bound(&after, "form", id, bound, n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known),
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_longest_kid),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_every_length),
	    cmocka_unit_test(test_other_spellings),
	    cmocka_unit_test(test_swapped),
	    cmocka_unit_test(test_swapped_kid),
	    cmocka_unit_test(test_purposes),
	    cmocka_unit_test(test_retired),
	    cmocka_unit_test(test_bind),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
