/* Paths as the gate reads them: what is clear, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/gate_path.h"

#include <string.h>

#define NONE SIZE_MAX

static void
check(enum gate_path_form form, const char *path, const char *want, size_t gap)
{
	struct gate_path p;

	bool is_good = gate_path_read(&p, path, strlen(path), form);
	if (is_good != (want != NULL))
		fail_msg("%s: %s", path, is_good ? "taken" : "refused");
	if (want == NULL)
		return;
	assert_int_equal(p.n, strlen(want));
	assert_memory_equal(p.bytes, want, p.n);
	assert_int_equal(p.gap, gap == NONE ? p.n : gap);
}

static void
test_clear(void **state)
{
	static const struct {
		const char *path;
		const char *want;
		size_t gap;
	} cases[] = {
	    {"/", "/", NONE},
	    {"/a", "/a", NONE},
	    {"/a/", "/a/", NONE},
	    {"/a?b=/../c;%2f", "/a", NONE},
	    {"/a?", "/a", NONE},
	    {"/.a", "/.a", NONE},
	    {"/..a/b.c", "/..a/b.c", NONE},
	    {"/a%20b", "/a b", NONE},
	    {"/%61dm%69n", "/admin", NONE},
	    {"/%E4%B8%8A", "/\xe4\xb8\x8a", NONE},
	    {"/\xe4\xb8\x8a", "/\xe4\xb8\x8a", NONE},
	    {"/%e0", "/\xe0", NONE},
	    {"/%c0x", "/\xc0x", NONE},
	    {"/100%25", "/100%", NONE},
	    {"/100%25-x1", "/100%-x1", NONE},
	    {"/a=b&c+d,e:f@g!$'()*~", "/a=b&c+d,e:f@g!$'()*~", NONE},
	    {"//a", "/a", 0},
	    {"/a//b", "/a/b", 2},
	    {"/a//b///c//", "/a/b/c/", 2},
	    {"/a/b//", "/a/b/", 4},
	    {"///", "/", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(
		    GATE_PATH_URL, cases[i].path, cases[i].want, cases[i].gap);
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {"", "a", "http://x/", "?", "*", "/.",
	    "/..", "/./a", "/../a", "/a/.", "/a/..", "/a/../b", "/%2e",
	    "/%2E%2e/a", "/a/.%2e/b", "/.../a", "/a.", "/a./b", "/a%2e",
	    "/a%20", "/a%20/b", "/%20", "/a /b", "/%2f", "/a%2Fb", "/%2f%2e%2e",
	    "/%5c", "/a\\b", "/..\\a", "/%5C..", "/a;b", "/;", "/a%3bb",
	    "/a;b/c", "/%00", "/a%0a", "/%1f", "/%7f", "/\x01", "/a#b",
	    "/a%23b", "/a%3Fb", "/%", "/%4", "/%4x", "/%zz", "/a%",
	    "/%2561dmin", "/%25%36%31", "/%252e%252e/", "/%25%32%66",
	    "/%c0%ae%c0%ae/a", "/%c0%af", "/%c1%9c", "/%e0%80%af",
	    "/%f0%80%80%af"};
	static const char nul[] = "/a\0b";
	struct gate_path p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(GATE_PATH_URL, bad[i], NULL, 0);
	assert_false(gate_path_read(&p, nul, sizeof(nul) - 1, GATE_PATH_URL));
	assert_false(
	    gate_path_read(&p, nul, sizeof(nul) - 1, GATE_PATH_DECODED));
}

/* What a web server has decoded is not decoded again. */
static void
test_decoded(void **state)
{
	(void)state;
	check(GATE_PATH_DECODED, "/a b", "/a b", NONE);
	check(GATE_PATH_DECODED, "/100%", "/100%", NONE);
	check(GATE_PATH_DECODED, "/a//b", "/a/b", 2);
	check(GATE_PATH_DECODED, "/\xe4\xb8\x8a", "/\xe4\xb8\x8a", NONE);
	check(GATE_PATH_DECODED, "/%61", NULL, 0);
	check(GATE_PATH_DECODED, "/a?b", NULL, 0);
	check(GATE_PATH_DECODED, "/a#b", NULL, 0);
	check(GATE_PATH_DECODED, "/a;b", NULL, 0);
	check(GATE_PATH_DECODED, "/a\\b", NULL, 0);
	check(GATE_PATH_DECODED, "/../a", NULL, 0);
	check(GATE_PATH_DECODED, "/a\n", NULL, 0);
	check(GATE_PATH_DECODED, "a", NULL, 0);
	check(GATE_PATH_DECODED, "", NULL, 0);
}

static void
test_length(void **state)
{
	char path[GATE_PATH_MAX + 8];
	struct gate_path p;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	assert_true(gate_path_read(&p, path, GATE_PATH_MAX, GATE_PATH_URL));
	assert_int_equal(p.n, GATE_PATH_MAX);
	assert_int_equal(p.gap, p.n);
	assert_false(
	    gate_path_read(&p, path, GATE_PATH_MAX + 1, GATE_PATH_URL));
	/* Of what was asked for the query does not count. */
	path[GATE_PATH_MAX] = '?';
	assert_true(gate_path_read(&p, path, sizeof(path), GATE_PATH_URL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clear),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_decoded),
	    cmocka_unit_test(test_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
