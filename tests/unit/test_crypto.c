/* auth/crypto: known answers, and one spelling only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "auth/crypto.h"

static int
setup(void **state)
{
	(void)state;
	return crypto_init();
}

/* FIPS 180-2, example B.1 */
static void
test_sha256(void **state)
{
	uint8_t hash[CRYPTO_HASH_BYTES];
	char hex[2 * CRYPTO_HASH_BYTES + 1];

	(void)state;
	crypto_sha256("abc", 3, hash);
	crypto_hex(hash, sizeof(hash), hex, sizeof(hex));
	assert_string_equal(hex,
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test case 1: its 20-byte key is ours padded with zeros. */
static void
test_hmac(void **state)
{
	uint8_t key[CRYPTO_KEY_BYTES] = {0};
	uint8_t mac[CRYPTO_MAC_BYTES];
	char hex[2 * CRYPTO_MAC_BYTES + 1];

	(void)state;
	memset(key, 0x0b, 20);
	crypto_hmac(key, "Hi There", 8, mac);
	crypto_hex(mac, sizeof(mac), hex, sizeof(hex));
	assert_string_equal(hex,
	    "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7");

	/* another key in between, then this one again */
	uint8_t other_key[CRYPTO_KEY_BYTES] = {1}, other[CRYPTO_MAC_BYTES];
	uint8_t again[CRYPTO_MAC_BYTES];
	crypto_hmac(other_key, "Hi There", 8, other);
	assert_memory_not_equal(other, mac, sizeof(mac));
	crypto_hmac(key, "Hi There", 8, again);
	assert_memory_equal(again, mac, sizeof(mac));
	crypto_hmac(key, "Hi there", 8, again);
	assert_memory_not_equal(again, mac, sizeof(mac));
}

static void
test_equal_and_wipe(void **state)
{
	char a[4] = "abcd", b[4] = "abce";

	(void)state;
	assert_true(crypto_equal(a, a, 4));
	assert_false(crypto_equal(a, b, 4));
	assert_true(crypto_equal(a, b, 3));
	assert_true(crypto_equal(a, b, 0));
	crypto_wipe(a, sizeof(a));
	assert_memory_equal(a, "\0\0\0\0", 4);
}

/* RFC 4648 §10, without the padding */
static void
test_b64_vectors(void **state)
{
	static const char *const pairs[][2] = {
	    {"", ""},
	    {"f", "Zg"},
	    {"fo", "Zm8"},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg"},
	    {"fooba", "Zm9vYmE"},
	    {"foobar", "Zm9vYmFy"},
	    {"\xff\xef\xbe", "_---"},
	};
	char text[16];
	uint8_t raw[16];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t n = strlen(pairs[i][0]);

		assert_int_equal(CRYPTO_B64_LEN(n), strlen(pairs[i][1]));
		crypto_b64_encode(pairs[i][0], n, text, sizeof(text));
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(
		    crypto_b64_decode(text, strlen(text), raw, n), 0);
		assert_memory_equal(raw, pairs[i][0], n);
	}
}

static void
test_b64_strict(void **state)
{
	static const struct {
		const char *text;
		size_t out_len;
	} bad[] = {
	    {"Zg==", 1}, /* padding */
	    {"Zh", 1}, /* unused bits */
	    {"Zm9", 2}, /* unused bits */
	    {"Z", 1}, /* short */
	    {"Zgg", 1}, /* long */
	    {"+++/", 3}, /* the other alphabet */
	    {"Zm\nv", 3},
	    {"Z m9v", 3},
	    {"Zm9v", 2},
	    {"Zm9v", 4},
	    {"", 1},
	};
	uint8_t raw[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(crypto_b64_decode(bad[i].text,
				     strlen(bad[i].text), raw, bad[i].out_len),
		    -1);
	assert_int_equal(crypto_b64_decode("Z\0==", 4, raw, 3), -1);
}

/* Every byte in every place: 64 of them are characters. */
static void
test_b64_alphabet(void **state)
{
	char text[4];
	uint8_t raw[3];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		int taken = 0;

		memcpy(text, "AAAA", 4);
		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			taken += crypto_b64_decode(text, 4, raw, 3) == 0;
		}
		assert_int_equal(taken, 64);
	}
}

static void
test_password(void **state)
{
	char hash[CRYPTO_PASSWORD_SIZE], other[CRYPTO_PASSWORD_SIZE];

	(void)state;
	assert_int_equal(
	    crypto_password_hash("a\0b", 3, 8, 1, hash), CRYPTO_PASSWORD_OK);
	assert_memory_equal(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27);
	assert_int_equal(
	    crypto_password_hash("a\0b", 3, 8, 1, other), CRYPTO_PASSWORD_OK);
	assert_string_not_equal(hash, other);
	assert_int_equal(
	    crypto_password_verify(hash, "a\0b", 3), CRYPTO_PASSWORD_OK);
	assert_int_equal(
	    crypto_password_verify(hash, "a\0c", 3), CRYPTO_PASSWORD_WRONG);
	assert_int_equal(
	    crypto_password_verify(hash, "a", 1), CRYPTO_PASSWORD_WRONG);

	assert_int_equal(crypto_password_is_other_cost(hash, 8, 1), 0);
	assert_int_equal(crypto_password_is_other_cost(hash, 16, 1), 1);
	assert_int_equal(crypto_password_is_other_cost(hash, 8, 2), 1);
}

static void
test_password_bad(void **state)
{
	static const char *const bad[] = {
	    "",
	    "x",
	    "$argon2id$",
	    "$argon2id$v=19$m=8,t=1,p=1$",
	    "$argon2id$v=19$m=8,t=1,p=1$!!!$!!!",
	    /* another function: not ours to accept */
	    ("$argon2i$v=19$m=32,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA"
	     "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
	};
	char hash[CRYPTO_PASSWORD_SIZE], longer[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(crypto_password_verify(bad[i], "x", 1),
		    CRYPTO_PASSWORD_FORMAT);
		assert_int_equal(
		    crypto_password_is_other_cost(bad[i], 8, 1), -1);
	}
	memset(longer, 'A', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	memcpy(longer, "$argon2id$", 10);
	assert_int_equal(
	    crypto_password_verify(longer, "x", 1), CRYPTO_PASSWORD_FORMAT);
	assert_int_equal(
	    crypto_password_hash("x", 1, 7, 1, hash), CRYPTO_PASSWORD_NOMEM);
	assert_int_equal(
	    crypto_password_hash("x", 1, 8, 0, hash), CRYPTO_PASSWORD_NOMEM);
	assert_int_equal(crypto_password_hash("x", 1, INT64_MAX, 1, hash),
	    CRYPTO_PASSWORD_NOMEM);
}

static void
fill(void *bytes, size_t n)
{
	memset(bytes, 0x5a, n);
}

static void
test_random(void **state)
{
	uint8_t a[16] = {0}, b[16] = {0};

	(void)state;
	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	crypto_set_random(fill);
	crypto_random(a, sizeof(a));
	fill(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	crypto_set_random(NULL);
	crypto_random(a, sizeof(a));
	assert_memory_not_equal(a, b, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sha256),
	    cmocka_unit_test(test_hmac),
	    cmocka_unit_test(test_equal_and_wipe),
	    cmocka_unit_test(test_b64_vectors),
	    cmocka_unit_test(test_b64_strict),
	    cmocka_unit_test(test_b64_alphabet),
	    cmocka_unit_test(test_password),
	    cmocka_unit_test(test_password_bad),
	    cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
