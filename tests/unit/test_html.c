#include "fcgi-app/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define FFFD "\xEF\xBF\xBD"

static void
assert_text_n(const char *in, size_t n, const char *out)
{
	struct buf b = BUF_INIT;

	assert_int_equal(html_put_text(&b, in, n), 0);
	assert_string_equal(buf_str(&b), out);
	buf_fini(&b);
}

static void
assert_text(const char *in, const char *out)
{
	assert_text_n(in, strlen(in), out);
}

static void
test_markup(void **state)
{
	(void)state;
	assert_text("", "");
	assert_text("plain", "plain");
	assert_text("<script>", "&lt;script&gt;");
	assert_text("a&amp;b", "a&amp;amp;b");
	assert_text("\"'`", "&quot;&#39;&#96;");
	assert_text("a\tb\nc", "a\tb\nc");
	assert_text("\xe4\xbd\xa0", "\xe4\xbd\xa0");
	assert_text("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
}

static void
test_bytes(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"\x01", FFFD},
	    {"\x7f", FFFD},
	    {"\r", FFFD},
	    {"\x1b[0m", FFFD "[0m"},
	    {"\xff", FFFD},
	    {"\x80", FFFD},
	    {"\xc0\xaf", FFFD FFFD}, /* overlong */
	    {"\xc1\x81", FFFD FFFD},
	    {"\xe0\x80\xaf", FFFD FFFD FFFD},
	    {"\xed\xa0\x80", FFFD FFFD FFFD}, /* surrogate */
	    {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD},
	    {"\xf5\x80", FFFD FFFD},
	    {"\xe4\xbd", FFFD FFFD}, /* cut short */
	    {"\xe4\"x", FFFD "&quot;x"}, /* must not swallow the quote */
	    {"\xe4\xbd<", FFFD FFFD "&lt;"},
	    {"\xf0\x9f\x98", FFFD FFFD FFFD},
	    {"\xe0\xa0\x80", "\xe0\xa0\x80"},
	    {"\xed\x9f\xbf", "\xed\x9f\xbf"},
	    {"\xee\x80\x80", "\xee\x80\x80"},
	    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
	    {"\xc2\x80", "\xc2\x80"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_text(table[i].in, table[i].out);
	assert_text_n("a\0b", 3, "a" FFFD "b");
}

static void
test_query(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	html_put_query(&b, "/a b?c=d&e\"\xff\0~", 14);
	assert_string_equal(buf_str(&b), "/a%20b%3Fc%3Dd%26e%22%FF%00~");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_markup),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_query),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
