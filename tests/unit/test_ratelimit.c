/*
 * The token bucket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/ratelimit.h"

static void
test_burst_then_rate(void **state)
{
	struct ratelimit r = {0};
	int64_t now = 1000000;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(ratelimit_take(&r, 10, 5, now), 0);
	assert_int_equal(ratelimit_take(&r, 10, 5, now), 100);
	/* A refusal takes nothing. */
	assert_int_equal(ratelimit_take(&r, 10, 5, now), 100);
	assert_int_equal(ratelimit_take(&r, 10, 5, now + 60), 40);
	assert_int_equal(ratelimit_take(&r, 10, 5, now + 99), 1);
	assert_int_equal(ratelimit_take(&r, 10, 5, now + 100), 0);
	assert_int_equal(ratelimit_take(&r, 10, 5, now + 100), 100);
}

static void
test_refills_to_burst_only(void **state)
{
	struct ratelimit r = {0};
	int64_t now = 50;

	(void)state;
	assert_int_equal(ratelimit_take(&r, 1, 3, now), 0);
	now += 1000000;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ratelimit_take(&r, 1, 3, now), 0);
	assert_int_equal(ratelimit_take(&r, 1, 3, now), 1000);
}

static void
test_long_run(void **state)
{
	struct ratelimit r = {0};
	int taken = 0;

	(void)state;
	/* 3 a second does not divide a second: no drift over an hour. */
	for (int64_t ms = 1000; ms < 1000 + 3600 * 1000; ms++)
		taken += ratelimit_take(&r, 3, 3, ms) == 0;
	assert_in_range(taken, 3600 * 3, 3600 * 3 + 3);
}

static void
test_no_limit(void **state)
{
	struct ratelimit r = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ratelimit_take(&r, 0, 1, 7), 0);
	assert_true(ratelimit_is_full(&r, 7));
}

static void
test_extremes(void **state)
{
	struct ratelimit r = {0};

	(void)state;
	/* No burst is one; rates beyond one a microsecond are that. */
	assert_int_equal(ratelimit_take(&r, 1, 0, 1000), 0);
	assert_int_equal(ratelimit_take(&r, 1, 0, 1000), 1000);
	r.full_us = 0;
	assert_int_equal(ratelimit_take(&r, INT64_MAX, 1, 1000), 0);
	assert_int_equal(ratelimit_take(&r, INT64_MAX, 1, 1000), 1);
	assert_int_equal(ratelimit_take(&r, 1, INT64_MAX, 1000), 0);
}

static void
test_is_full(void **state)
{
	struct ratelimit r = {0};

	(void)state;
	assert_int_equal(ratelimit_take(&r, 2, 2, 1000), 0);
	assert_int_equal(ratelimit_take(&r, 2, 2, 1000), 0);
	assert_false(ratelimit_is_full(&r, 1999));
	assert_true(ratelimit_is_full(&r, 2000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_burst_then_rate),
	    cmocka_unit_test(test_refills_to_burst_only),
	    cmocka_unit_test(test_long_run),
	    cmocka_unit_test(test_no_limit),
	    cmocka_unit_test(test_extremes),
	    cmocka_unit_test(test_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
