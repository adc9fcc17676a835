/* The head of an answer: what is one, and what stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_head.c"

#include <stdio.h>
#include <stdlib.h>

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		enum tool_head_err want;
		int status;
	} cases[] = {
	    {"", TOOL_HEAD_PARTIAL, 0},
	    {"HTTP/1.1 200 OK", TOOL_HEAD_PARTIAL, 0},
	    {"HTTP/1.1 200 OK\r\n", TOOL_HEAD_PARTIAL, 0},
	    {"HTTP/1.1 200 OK\r\nA: b\r\n", TOOL_HEAD_PARTIAL, 0},
	    {"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", TOOL_HEAD_OK, 200},
	    {"HTTP/1.0 404\r\n\r\nbody", TOOL_HEAD_OK, 404},
	    {"HTTP/1.1 101 \n\n", TOOL_HEAD_OK, 101},
	    {"HTTP/1.1 599 x\r\n\r\n", TOOL_HEAD_OK, 599},
	    {"HTTP/1.1 600 x\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"HTTP/1.1 099 x\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"HTTP/1.1 20 OK\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"HTTP/1.1 2000\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"HTTP/1.1  200\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"HTTP/2.0 200 OK\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"HTTP/1.x 200 OK\r\n\r\n", TOOL_HEAD_INVALID, 0},
	    {"SSH-2.0-x\r\n", TOOL_HEAD_INVALID, 0},
	    {"\r\n\r\n", TOOL_HEAD_INVALID, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tool_head h = {.status = 0};
		size_t n = strlen(cases[i].text);
		/* An exact allocation, for ASan. */
		char *copy = malloc(n + !n);
		assert_non_null(copy);
		memcpy(copy, cases[i].text, n);
		assert_int_equal(tool_head_parse(copy, n, &h), cases[i].want);
		if (cases[i].want == TOOL_HEAD_OK)
			assert_int_equal(h.status, cases[i].status);
		free(copy);
	}
}

/* The i-th value as a text, NULL for none. */
static const char *
field(const char *text, const char *name, size_t i)
{
	static char out[64];
	struct tool_head h;
	const char *value;
	size_t n;

	assert_int_equal(tool_head_parse(text, strlen(text), &h), TOOL_HEAD_OK);
	if (!tool_head_field(&h, name, i, &value, &n))
		return NULL;
	assert_true(n < sizeof(out));
	memcpy(out, value, n);
	out[n] = '\0';
	return out;
}

static void
test_fields(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n"
				   "set-cookie: a=1\r\n"
				   "Set-Cookie2: no\r\n"
				   "Empty:\r\n"
				   "no colon\r\n"
				   "SET-COOKIE: \t b=2; Path=/ \t\r\n"
				   "\r\n"
				   "Late: body\r\n\r\n";

	(void)state;
	assert_string_equal(field(text, "Set-Cookie", 0), "a=1");
	assert_string_equal(field(text, "Set-Cookie", 1), "b=2; Path=/");
	assert_null(field(text, "Set-Cookie", 2));
	assert_string_equal(field(text, "Empty", 0), "");
	assert_null(field(text, "no colon", 0));
	assert_null(field(text, "Late", 0));
	assert_null(field(text, "Set", 0));
}

static int64_t
date_s(const char *date)
{
	char text[256];
	struct tool_head h;

	snprintf(
	    text, sizeof(text), "HTTP/1.1 200 OK\r\nDate: %s\r\n\r\n", date);
	assert_int_equal(tool_head_parse(text, strlen(text), &h), TOOL_HEAD_OK);
	return tool_head_date_s(&h);
}

static void
test_date(void **state)
{
	(void)state;
	assert_int_equal(
	    date_s("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777); /* RFC 9110 */
	assert_int_equal(date_s("Thu, 01 Jan 2026 00:00:00 GMT"), 1767225600);
	assert_int_equal(date_s(""), 0);
	assert_int_equal(date_s("yesterday"), 0);
	assert_int_equal(date_s("Sun, 06 Nov 1994 08:49:37 GMT and a good deal "
				"more than there is in any date"),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
