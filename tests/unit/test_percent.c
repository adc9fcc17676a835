#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/percent.h"

#include <stdio.h>

static void
every_byte(void **state)
{
	char text[4];

	(void)state;
	for (int c = 0; c < 256; c++) {
		snprintf(text, sizeof(text), "%%%02x", (unsigned)c);
		assert_int_equal(percent_byte(text, 3), c);
		snprintf(text, sizeof(text), "%%%02X", (unsigned)c);
		assert_int_equal(percent_byte(text, 3), c);
	}
	assert_int_equal(percent_byte("%410", 4), 'A');
}

static void
no_escape(void **state)
{
	(void)state;
	assert_int_equal(percent_byte("", 0), -1);
	assert_int_equal(percent_byte("%", 1), -1);
	assert_int_equal(percent_byte("%41", 2), -1); /* not beyond n */
	assert_int_equal(percent_byte("x41", 3), -1);
	assert_int_equal(percent_byte("%g1", 3), -1);
	assert_int_equal(percent_byte("%1g", 3), -1);
	assert_int_equal(percent_byte("% 1", 3), -1);
	assert_int_equal(percent_byte("%-1", 3), -1);
	assert_int_equal(percent_byte("%%41", 4), -1);
	assert_int_equal(percent_byte("%\0001", 3), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_byte),
	    cmocka_unit_test(no_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
