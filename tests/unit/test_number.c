/*
 * Decimal numbers: what strtol would let through is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/number.h"

#include <string.h>

static void
takes_digits_up_to_max(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t max;
		int64_t value;
	} table[] = {
	    {"0", 0, 0},
	    {"9", 9, 9},
	    {"007", 7, 7},
	    {"10", 10, 10},
	    {"65535", 65535, 65535},
	    {"9223372036854775807", INT64_MAX, INT64_MAX},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t value = -1;
		assert_true(number_parse(table[i].text, strlen(table[i].text),
		    table[i].max, &value));
		assert_int_equal(value, table[i].value);
	}
	int64_t value;
	assert_true(number_parse("123x", 3, 1000, &value));
	assert_int_equal(value, 123);
}

static void
refuses_the_rest(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t max;
	} table[] = {
	    {"", 10},
	    {"1", 0},
	    {"5", 4},
	    {"11", 10},
	    {"65536", 65535},
	    {"9223372036854775808", INT64_MAX},
	    {"99999999999999999999999", INT64_MAX},
	    {"-1", 10},
	    {"+1", 10},
	    {" 1", 10},
	    {"1 ", 10},
	    {"0x1", 10},
	    {"1e1", 10},
	    {"1.0", 10},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t value = -1;
		assert_false(number_parse(table[i].text, strlen(table[i].text),
		    table[i].max, &value));
		assert_int_equal(value, -1);
	}
	int64_t value = -1;
	assert_false(number_parse("1\0", 2, 10, &value));
	assert_int_equal(value, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_digits_up_to_max),
	    cmocka_unit_test(refuses_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
