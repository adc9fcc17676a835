/* auth/name: the grammar, and that one name has one spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "auth/name.h"

static enum name_err
canonical(const char *name, char out[static NAME_SIZE])
{
	return name_canonical(name, strlen(name), out);
}

static void
test_taken(void **state)
{
	static const char *const good[] = {
	    "a", "Z", "7", "alice", "Alice", "a.b_c-d", "0.-_", "a-", "a..b",
	    "\xe4\xb8\x8a\xe6\xb5\xb7", /* 上海 */
	    "\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", /* Анна */
	    "Ren\xc3\xa9", /* René, composed */
	    ("\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d"
	     "\xe0\xa4\xa6\xe0\xa5\x80"), /* हिन्दी: vowel signs, virama */
	    "\xd9\xa1\xd9\xa2", /* Arabic-Indic digits */
	    "\xed\x95\x9c\xea\xb8\x80", /* 한글 */
	    "\xe3\x81\x8c", /* が */
	    "\xf0\xa0\xae\xb7", /* 𠮷, beyond the BMP */
	    "\xca\xb0", /* a modifier letter */
	};
	char out[NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (canonical(good[i], out) != NAME_OK)
			fail_msg("refused: %s", good[i]);
		assert_string_equal(out, good[i]);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *name;
		enum name_err err;
	} bad[] = {
	    {"", NAME_EMPTY},
	    {".a", NAME_GRAMMAR},
	    {"_a", NAME_GRAMMAR},
	    {"-a", NAME_GRAMMAR},
	    {" a", NAME_GRAMMAR},
	    {"a ", NAME_GRAMMAR},
	    {"a b", NAME_GRAMMAR},
	    {"a\tb", NAME_GRAMMAR},
	    {"a\n", NAME_GRAMMAR},
	    {"a@b", NAME_GRAMMAR},
	    {"a/b", NAME_GRAMMAR},
	    {"a:b", NAME_GRAMMAR},
	    {"<b>", NAME_GRAMMAR},
	    {"a\x7f", NAME_GRAMMAR},
	    {"a\xc2\xa0", NAME_GRAMMAR}, /* no-break space */
	    {"a\xc2\xad", NAME_GRAMMAR}, /* soft hyphen */
	    {"a\xe2\x80\x8b", NAME_GRAMMAR}, /* zero width space */
	    {"a\xe2\x80\x8d"
	     "b",
		NAME_GRAMMAR}, /* zero width joiner */
	    {"a\xe2\x80\xae"
	     "b",
		NAME_GRAMMAR}, /* right-to-left override */
	    {"a\xe2\x81\xa6"
	     "b",
		NAME_GRAMMAR}, /* isolate */
	    {"a\xef\xbb\xbf", NAME_GRAMMAR}, /* BOM */
	    {"a\xef\xb8\x8f", NAME_GRAMMAR}, /* variation selector */
	    {"a\xf3\xa0\x84\x80", NAME_GRAMMAR}, /* and one of plane 14 */
	    {"a\xcd\x8f", NAME_GRAMMAR}, /* combining grapheme joiner */
	    {"\xe1\x85\x9f", NAME_GRAMMAR}, /* Hangul fillers: Lo, unseen */
	    {"\xe1\x85\xa0", NAME_GRAMMAR},
	    {"\xe3\x85\xa4", NAME_GRAMMAR},
	    {"\xef\xbe\xa0", NAME_GRAMMAR},
	    {"\xe2\x85\xa7", NAME_GRAMMAR}, /* Roman numeral: Nl */
	    {"a\xc2\xb2", NAME_GRAMMAR}, /* superscript: No */
	    {"\xf0\x9f\x98\x80", NAME_GRAMMAR}, /* emoji */
	    {"\xcc\x81"
	     "a",
		NAME_GRAMMAR}, /* a mark first */
	    {"1\xcc\x81", NAME_GRAMMAR}, /* on a digit */
	    {"a_\xcc\x81", NAME_GRAMMAR}, /* on punctuation */
	    {"a\xe2\x83\x9d", NAME_GRAMMAR}, /* an enclosing mark */
	    {"\xcd\xb8", NAME_GRAMMAR}, /* unassigned U+0378 */
	    {"\xee\x80\x80", NAME_GRAMMAR}, /* private use */
	    {"a\xef\xbf\xbf", NAME_GRAMMAR}, /* noncharacter */
	    {"\xff", NAME_ENCODING},
	    {"a\xc3", NAME_ENCODING},
	    {"\xc0\xaf", NAME_ENCODING}, /* overlong */
	    {"\xc1\xa1", NAME_ENCODING},
	    {"\xe0\x81\xa1", NAME_ENCODING},
	    {"\xed\xa0\x80", NAME_ENCODING}, /* surrogate */
	    {"\xf4\x90\x80\x80", NAME_ENCODING}, /* beyond U+10FFFF */
	    {"\x80", NAME_ENCODING},
	};
	char out[NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum name_err err = canonical(bad[i].name, out);
		if (err != bad[i].err)
			fail_msg("case %zu, %s: %d", i, bad[i].name, err);
	}
	assert_int_equal(name_canonical("a\0b", 3, out), NAME_GRAMMAR);
	assert_int_equal(name_canonical("ab\0", 3, out), NAME_GRAMMAR);
	/* an exact allocation's worth: no byte behind n is looked at */
	assert_int_equal(name_canonical("ab\xff", 2, out), NAME_OK);
	assert_string_equal(out, "ab");
}

static void
test_nfc(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"Rene\xcc\x81", "Ren\xc3\xa9"},
	    {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"},
	    {"\xe3\x81\x8b\xe3\x82\x99", "\xe3\x81\x8c"},
	    {"\xe2\x84\xab", "\xc3\x85"}, /* angstrom sign */
	    {"\xef\xa4\x80", "\xe8\xb1\x88"}, /* a compatibility ideograph */
	    /* two marks, in either order */
	    {"q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87"},
	    /* NFC, not NFKC: these stay themselves */
	    {"\xef\xbc\xa1", "\xef\xbc\xa1"},
	    {"\xef\xac\x81", "\xef\xac\x81"},
	};
	char out[NAME_SIZE], again[NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(canonical(cases[i].in, out), NAME_OK);
		assert_string_equal(out, cases[i].out);
		assert_int_equal(canonical(out, again), NAME_OK);
		assert_string_equal(out, again);
	}
}

static void
test_length(void **state)
{
	char in[2048], out[NAME_SIZE];

	(void)state;
	memset(in, 'a', sizeof(in));
	assert_int_equal(name_canonical(in, 64, out), NAME_OK);
	assert_int_equal(strlen(out), 64);
	assert_int_equal(name_canonical(in, 65, out), NAME_LONG);
	assert_int_equal(name_canonical(in, sizeof(in), out), NAME_LONG);
	/* 64 characters of four bytes each */
	for (size_t i = 0; i < 65; i++)
		memcpy(in + 4 * i, "\xf0\xa0\xae\xb7", 4);
	assert_int_equal(name_canonical(in, 256, out), NAME_OK);
	assert_int_equal(strlen(out), NAME_SIZE - 1);
	assert_int_equal(name_canonical(in, 260, out), NAME_LONG);
	/* counted after composing */
	for (size_t i = 0; i < 64; i++)
		memcpy(in + 3 * i, "e\xcc\x81", 3);
	assert_int_equal(name_canonical(in, 192, out), NAME_OK);
	/* marks stack four high and no higher */
	assert_int_equal(
	    canonical("q\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3", out), NAME_OK);
	assert_int_equal(
	    canonical("q\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3\xcc\xa3", out),
	    NAME_GRAMMAR);
}

static void
test_fold(void **state)
{
	static const struct {
		const char *a, *b;
		bool is_same;
	} cases[] = {
	    {"Alice", "alice", true},
	    {"ALICE", "aLiCe", true},
	    {"alice", "alicf", false},
	    {"Ren\xc3\xa9", "REN\xc3\x89", true},
	    {"rene", "ren\xc3\xa9", false},
	    {"Stra\xc3\x9f"
	     "e",
		"STRASSE", true},
	    {"\xd0\x90\xd0\x9d", "\xd0\xb0\xd0\xbd", true},
	    {"\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
		"\xce\xa3\xce\x8a\xce\xa3\xce\xa5\xce\xa6\xce\x9f\xce\xa3",
		true}, /* Σίσυφος */
	    /* not Turkish: dotless i is another letter */
	    {"\xc4\xb1", "i", false},
	    /* Latin a and Cyrillic a look alike and are two */
	    {"a", "\xd0\xb0", false},
	    {"\xe4\xb8\x8a", "\xe4\xb8\x8b", false},
	};
	char a[NAME_SIZE], b[NAME_SIZE];
	char fold_a[NAME_FOLD_SIZE], fold_b[NAME_FOLD_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(canonical(cases[i].a, a), NAME_OK);
		assert_int_equal(canonical(cases[i].b, b), NAME_OK);
		assert_int_equal(name_fold(a, fold_a), NAME_OK);
		assert_int_equal(name_fold(b, fold_b), NAME_OK);
		if ((strcmp(fold_a, fold_b) == 0) != cases[i].is_same)
			fail_msg("%s and %s", a, b);
	}
	/* the longest expansion: 64 times one letter into three */
	char in[64 * 2 + 1] = "";
	for (size_t i = 0; i < 64; i++)
		memcpy(in + 2 * i, "\xce\x90", 3);
	assert_int_equal(canonical(in, a), NAME_OK);
	assert_int_equal(name_fold(a, fold_a), NAME_OK);
	assert_int_equal(name_fold("", fold_a), NAME_EMPTY);
	assert_int_equal(name_fold("\xff", fold_a), NAME_ENCODING);
	char longer[NAME_SIZE + 1];
	memset(longer, 'a', NAME_SIZE);
	longer[NAME_SIZE] = '\0';
	assert_int_equal(name_fold(longer, fold_a), NAME_LONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_taken),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_nfc),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_fold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
