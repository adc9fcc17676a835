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
	assert_true(flush_pacer_is_due(&p, 5 * MS, true));
	assert_true(flush_pacer_is_due(&p, 6 * MS, false));
}

static void
without_input_it_goes_at_once(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 2 * MS);
	assert_true(flush_pacer_is_due(&p, 1 * MS, false));
	assert_true(flush_pacer_is_due(&p, 1 * MS, false));
}

static void
a_burst_comes_in_first(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 2 * MS);
	assert_false(flush_pacer_is_due(&p, 100 * MS, true));
	assert_false(flush_pacer_is_due(&p, 101 * MS, true));
	assert_true(flush_pacer_is_due(&p, 101 * MS, false));
	/* The next one has a time of its own. */
	assert_false(flush_pacer_is_due(&p, 103 * MS, true));
}

static void
for_no_longer_than_the_last_pass_took(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 2 * MS);
	assert_false(flush_pacer_is_due(&p, 100 * MS, true));
	assert_false(flush_pacer_is_due(&p, 102 * MS, true));
	assert_true(flush_pacer_is_due(&p, 102 * MS + 1, true));
	flush_pacer_note(&p, 1 * MS);
	assert_false(flush_pacer_is_due(&p, 103 * MS, true));
	assert_true(flush_pacer_is_due(&p, 104 * MS + 1, true));
}

static void
a_clock_that_goes_back_does_no_harm(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 2 * MS);
	assert_false(flush_pacer_is_due(&p, 100 * MS, true));
	assert_true(flush_pacer_is_due(&p, 1 * MS, true));
	flush_pacer_note(&p, -2 * MS);
	assert_true(flush_pacer_is_due(&p, 2 * MS, true));
}

static void
presence_rests_behind_a_pass_over_everyone(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	assert_int_equal(flush_pacer_rest_ns(&p, 1 * MS), 0);
	flush_pacer_note(&p, 2 * MS);
	flush_pacer_rest(&p, 100 * MS);
	assert_int_equal(flush_pacer_rest_ns(&p, 100 * MS), 18 * MS);
	assert_int_equal(flush_pacer_rest_ns(&p, 117 * MS), 1 * MS);
	assert_int_equal(flush_pacer_rest_ns(&p, 118 * MS), 0);
	assert_int_equal(flush_pacer_rest_ns(&p, 500 * MS), 0);
	assert_int_equal(flush_pacer_rest_ns(&p, 99 * MS), 0);
}

static void
a_pass_over_few_is_no_reason_to_rest(void **state)
{
	(void)state;
	struct flush_pacer p = {0};
	flush_pacer_note(&p, 2 * MS);
	assert_int_equal(flush_pacer_rest_ns(&p, 1 * MS), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_pass_goes_at_once),
	    cmocka_unit_test(without_input_it_goes_at_once),
	    cmocka_unit_test(a_burst_comes_in_first),
	    cmocka_unit_test(for_no_longer_than_the_last_pass_took),
	    cmocka_unit_test(a_clock_that_goes_back_does_no_harm),
	    cmocka_unit_test(presence_rests_behind_a_pass_over_everyone),
	    cmocka_unit_test(a_pass_over_few_is_no_reason_to_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
