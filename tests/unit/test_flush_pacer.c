#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/flush_pacer.h"

#define MS 1000000

static void
the_first_pass_goes_at_once(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	assert_int_equal(flush_pacer_wait_ns(&p, 0), 0);
	assert_int_equal(flush_pacer_wait_ns(&p, 5 * MS), 0);
}

static void
a_pass_waits_as_long_as_the_last_took(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 102 * MS, 2 * MS);
	assert_int_equal(flush_pacer_wait_ns(&p, 102 * MS), 2 * MS);
	assert_int_equal(flush_pacer_wait_ns(&p, 103 * MS), 1 * MS);
	assert_int_equal(flush_pacer_wait_ns(&p, 104 * MS), 0);
	assert_int_equal(flush_pacer_wait_ns(&p, 900 * MS), 0);
}

static void
short_passes_never_wait(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 100 * MS + 50000, 50000);
	assert_int_equal(flush_pacer_wait_ns(&p, 100 * MS + 50001), 0);
}

static void
a_long_pass_holds_back_the_next_only_so_long(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 600 * MS, 500 * MS);
	assert_int_equal(
	    flush_pacer_wait_ns(&p, 600 * MS), FLUSH_PACER_WAIT_MAX_NS);
}

static void
a_clock_that_goes_back_does_no_harm(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 102 * MS, 2 * MS);
	assert_int_equal(flush_pacer_wait_ns(&p, 1 * MS), 2 * MS);
	flush_pacer_note(&p, 100 * MS, -2 * MS);
	assert_int_equal(flush_pacer_wait_ns(&p, 100 * MS), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_pass_goes_at_once),
	    cmocka_unit_test(a_pass_waits_as_long_as_the_last_took),
	    cmocka_unit_test(short_passes_never_wait),
	    cmocka_unit_test(a_long_pass_holds_back_the_next_only_so_long),
	    cmocka_unit_test(a_clock_that_goes_back_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
