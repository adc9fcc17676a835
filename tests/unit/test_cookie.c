/* auth/cookie: which pair counts, and when none does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "auth/cookie.h"

#define NAME "gatecast"

static void
test_table(void **state)
{
	static const struct {
		const char *header;
		enum cookie_err err;
		const char *value;
	} cases[] = {
	    {"", COOKIE_NONE, NULL},
	    {";", COOKIE_NONE, NULL},
	    {"gatecast", COOKIE_NONE, NULL},
	    {"gatecast=x", COOKIE_OK, "x"},
	    {"gatecast=", COOKIE_OK, ""},
	    {"gatecast=\"x\"", COOKIE_OK, "\"x\""},
	    {"gatecast=a=b", COOKIE_OK, "a=b"},
	    {"a=1; gatecast=x; b=2", COOKIE_OK, "x"},
	    {"a=1;gatecast=x;b=2", COOKIE_OK, "x"},
	    {"\t gatecast=x \t; b=2", COOKIE_OK, "x"},
	    {"gatecast=x;", COOKIE_OK, "x"},
	    {";;gatecast=x", COOKIE_OK, "x"},
	    {"gatecast=a, gatecast=b", COOKIE_OK, "a, gatecast=b"},
	    /* not our name */
	    {"Gatecast=x", COOKIE_NONE, NULL},
	    {"gatecast =x", COOKIE_NONE, NULL},
	    {"gatecast2=x", COOKIE_NONE, NULL},
	    {"xgatecast=x", COOKIE_NONE, NULL},
	    {"__Host-gatecast=x", COOKIE_NONE, NULL},
	    {"=gatecast=x", COOKIE_NONE, NULL},
	    {"a=gatecast=x", COOKIE_NONE, NULL},
	    {"a=\"; gatecast=x; b=\"", COOKIE_OK, "x"},
	    /* other sites' bytes do not concern us */
	    {"a=\xe4\xb8\x8a; gatecast=x", COOKIE_OK, "x"},
	    /* two are none, equal or not */
	    {"gatecast=x; gatecast=y", COOKIE_DOUBLE, NULL},
	    {"gatecast=x; gatecast=x", COOKIE_DOUBLE, NULL},
	    {"gatecast=; gatecast=x", COOKIE_DOUBLE, NULL},
	    {"gatecast=x; a=1; gatecast=", COOKIE_DOUBLE, NULL},
	    /* control bytes anywhere */
	    {"gatecast=x\r\n", COOKIE_MALFORMED, NULL},
	    {"a=\x01; gatecast=x", COOKIE_MALFORMED, NULL},
	    {"gatecast=x\x7f", COOKIE_MALFORMED, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cookie_header h = {
		    cases[i].header, strlen(cases[i].header)};
		const char *value = NULL;
		size_t n = 0;

		assert_int_equal(
		    cookie_find(&h, 1, NAME, &value, &n), cases[i].err);
		if (cases[i].err != COOKIE_OK) {
			assert_null(value);
			continue;
		}
		assert_int_equal(n, strlen(cases[i].value));
		assert_memory_equal(value, cases[i].value, n);
	}
}

static void
test_nul(void **state)
{
	const struct cookie_header h = {"gatecast=x\0y", 12};
	const char *value;
	size_t n;

	(void)state;
	assert_int_equal(
	    cookie_find(&h, 1, NAME, &value, &n), COOKIE_MALFORMED);
}

static void
test_headers(void **state)
{
	static const struct cookie_header two[] = {
	    {"gatecast=x", 10}, {"gatecast=y", 10}};
	static const struct cookie_header other[] = {
	    {"a=1", 3}, {"", 0}, {"gatecast=y", 10}};
	const char *value = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(cookie_find(NULL, 0, NAME, &value, &n), COOKIE_NONE);
	assert_int_equal(cookie_find(two, 2, NAME, &value, &n), COOKIE_DOUBLE);
	assert_int_equal(cookie_find(other, 3, NAME, &value, &n), COOKIE_OK);
	assert_int_equal(n, 1);
	assert_int_equal(*value, 'y');
}

static void
test_size(void **state)
{
	char *text = malloc(COOKIE_BYTES_MAX + 1);
	struct cookie_header h = {text, COOKIE_BYTES_MAX};
	const char *value;
	size_t n;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', COOKIE_BYTES_MAX + 1);
	memcpy(text, "gatecast=x;", 11);
	assert_int_equal(cookie_find(&h, 1, NAME, &value, &n), COOKIE_OK);
	h.n++;
	assert_int_equal(
	    cookie_find(&h, 1, NAME, &value, &n), COOKIE_MALFORMED);
	const struct cookie_header two[] = {
	    {text, COOKIE_BYTES_MAX}, {text, 1}};
	assert_int_equal(
	    cookie_find(two, 2, NAME, &value, &n), COOKIE_MALFORMED);
	free(text);
}

static void
test_session_name(void **state)
{
	(void)state;
	assert_string_equal(cookie_session_name(true, true), "__Host-gatecast");
	assert_string_equal(
	    cookie_session_name(true, false), "__Host-gatecast");
	assert_string_equal(cookie_session_name(false, true), "gatecast");
	assert_null(cookie_session_name(false, false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_session_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
