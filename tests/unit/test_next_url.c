#include "fcgi-app/next_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void
test_local(void **state)
{
	static const char *const good[] = {"/", "/index", "/a/b", "/a/b/",
	    "/a.b", "/.a", "/..a", "/a..", "/...", "/a?b=c", "/a?b=c&d=/e?f",
	    "/?x", "/a/?x", "/%E4%BD%A0%E5%A5%BD", "/a%20b", "/a?b=%20",
	    "/a:b@c", "/~user", "/a;b=c", "/?//evil.example",
	    "/a?next=http://evil.example/"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!next_url_is_local(good[i], strlen(good[i])))
			fail_msg("%s", good[i]);
}

static void
test_attacks(void **state)
{
	static const char *const bad[] = {"", "index", "//evil.example",
	    "///evil.example", "/\\evil.example", "\\/evil.example",
	    "\\\\evil.example", "/a\\b", "http://evil.example", "http:/x",
	    "https:evil", "javascript:alert(1)", "data:text/html,x", "/a//evil",
	    "/a//", "//", "/.", "/..", "/../a", "/./a", "/a/..", "/a/../b",
	    "/a/.", "/./", "/a/./?x", "/..?x", "/%2e%2e/a", "/%2E/", "/a%2e",
	    "/%2fevil.example", "/%2F%2Fevil", "/%5cevil", "/%5Cevil",
	    "/a%0d%0aSet-Cookie:x=y", "/a%0a", "/%00", "/a%00", "/%7f", "/%1f",
	    "/a%", "/a%4", "/a%zz", "/%25%32%66", "/a#b", "/#", "/a?b#c",
	    "/a b", "/a\tb", "/\t/evil", "/a\r\nb", "/\n", "\t/a", " /a", "/a ",
	    "/\x7f", "/\x01", "/a?b\tc", "/a?b%0ac", "/\xe4\xbd\xa0", "/\xff",
	    "/\"", "/<script>", "/a?<", "/a?'\"", "/[", "/a?{}", "/`", "/^",
	    "/|", "?a", "#a", "/a?b\\c"};
	static const char nul[] = "/a\0b";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (next_url_is_local(bad[i], strlen(bad[i])))
			fail_msg("%s", bad[i]);
	assert_false(next_url_is_local(nul, sizeof(nul) - 1));
}

static void
test_length(void **state)
{
	char path[NEXT_URL_MAX + 1];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	assert_true(next_url_is_local(path, NEXT_URL_MAX));
	assert_false(next_url_is_local(path, NEXT_URL_MAX + 1));
}

static void
test_choose(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"/chat?x=1", "/chat?x=1"},
	    {"/", "/"},
	    {"/loginx", "/loginx"},
	    {"/login", NEXT_URL_DEFAULT},
	    {"/login?next=/login", NEXT_URL_DEFAULT},
	    {"/login/", NEXT_URL_DEFAULT},
	    {"/auth", NEXT_URL_DEFAULT},
	    {"/auth/login?x", NEXT_URL_DEFAULT},
	    {"/author", "/author"},
	    {"/logout", NEXT_URL_DEFAULT},
	    {"//evil.example", NEXT_URL_DEFAULT},
	    {"", NEXT_URL_DEFAULT},
	};
	char out[NEXT_URL_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		next_url_choose("", table[i].in, strlen(table[i].in), out);
		assert_string_equal(out, table[i].out);
	}
	next_url_choose("", NULL, 0, out);
	assert_string_equal(out, NEXT_URL_DEFAULT);
}

static void
test_below_prefix(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} table[] = {
	    {"/gate/room?x=1", "/gate/room?x=1"},
	    {"/login", "/login"}, /* another program's */
	    {"/gateway/login", "/gateway/login"},
	    {"/gate/login?next=/", "/gate/index"},
	    {"/gate/logout", "/gate/index"},
	    {"/gate/auth/login", "/gate/index"},
	    {"//evil.example", "/gate/index"},
	    {"", "/gate/index"},
	};
	char out[NEXT_URL_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		next_url_choose("/gate", table[i].in, strlen(table[i].in), out);
		assert_string_equal(out, table[i].out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_local),
	    cmocka_unit_test(test_attacks),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_choose),
	    cmocka_unit_test(test_below_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
