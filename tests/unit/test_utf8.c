/*
 * Every code point, the sequences that RFC 3629 forbids, and where a wrong
 * one is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

#include <string.h>

/* Bytes until it failed; n + 1: it did not; n + 2: nor is it unfinished. */
static size_t
judge(const char *text, size_t n)
{
	struct utf8 u = {0};

	for (size_t i = 0; i < n; i++)
		if (utf8_feed(&u, (const uint8_t *)text + i, 1) == -1)
			return i + 1;
	return n + 1 + utf8_is_whole(&u);
}

static size_t
encode(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(0xf00 >> n | c);
	return n;
}

static void
test_every_code_point(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x200000; c++) {
		uint8_t out[4];
		struct utf8 u = {0};
		size_t n = encode(c, out);
		int rc = utf8_feed(&u, out, n);
		bool is_good = c < 0xd800 || (c > 0xdfff && c < 0x110000);
		if ((rc == 0) != is_good || (rc == 0 && !utf8_is_whole(&u)))
			fail_msg("U+%X", (unsigned)c);
	}
}

static void
test_forms(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		size_t end;
	} forms[] = {
	    {"", 0, 2},
	    {"a\xe4\xbd\xa0"
	     "b",
		5, 7},
	    {"\xe4\xbd", 2, 3},
	    {"\xf0\x9f\x98", 3, 4},
	    {"a\x80", 2, 2},
	    {"\xc0\x80", 2, 1},
	    {"\xc1\xbf", 2, 1},
	    {"\xe0\x9f\xbf", 3, 2},
	    {"\xf0\x8f\xbf\xbf", 4, 2},
	    {"\xed\xa0\x80", 3, 2},
	    {"\xf4\x90\x80\x80", 4, 2},
	    {"\xf5\x80\x80\x80", 4, 1},
	    {"\xfe", 1, 1},
	    {"\xff", 1, 1},
	    {"\xe4x", 2, 2},
	    {"\xe4\xbd\xe4", 3, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		assert_int_equal(
		    judge(forms[i].text, forms[i].n), forms[i].end);
}

/* A wrong byte at each place of a long run, which is read in eights. */
static void
test_long_runs(void **state)
{
	uint8_t text[64];

	(void)state;
	for (size_t from = 0; from < 8; from++)
		for (size_t at = from; at < sizeof(text); at++) {
			struct utf8 u = {0};
			memset(text, 'a', sizeof(text));
			assert_int_equal(
			    utf8_feed(&u, text + from, sizeof(text) - from), 0);
			text[at] = 0xff;
			assert_int_equal(
			    utf8_feed(&u, text + from, sizeof(text) - from),
			    -1);
			text[at] = 0xc3;
			int rc =
			    utf8_feed(&u, text + from, sizeof(text) - from);
			assert_int_equal(rc, at + 1 == sizeof(text) ? 0 : -1);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_code_point),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_long_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
