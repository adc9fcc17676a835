/* auth/throttle_policy: delays that double, and are forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "auth/throttle_policy.h"

#define NOW_S INT64_C(1700000000)
#define YEARS_S INT64_C(315360000) /* ten */

static const struct throttle_policy policy = {
    .fails_free = 5, .fails_max = 13, .decay_s = 900};

static int64_t
wait_after(struct throttle_state *s, int64_t now_s)
{
	throttle_policy_age(&policy, s, now_s);
	throttle_policy_count(&policy, s, now_s);
	assert_true(throttle_policy_is_sane(&policy, s));
	return throttle_policy_wait_s(s, now_s);
}

static struct throttle_state
failed(int times)
{
	struct throttle_state s = {0, 0, 0};

	while (times-- > 0)
		wait_after(&s, NOW_S);
	return s;
}

static void
test_doubling(void **state)
{
	static const int64_t want[] = {
	    0, 0, 0, 0, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900};
	struct throttle_state s = {0, 0, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(wait_after(&s, NOW_S), want[i]);
	assert_int_equal(s.fails, policy.fails_max);
}

static void
test_wait_ends(void **state)
{
	struct throttle_state s = failed(6);

	(void)state;
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S), 8);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S + 7), 1);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S + 8), 0);
}

static void
test_decay(void **state)
{
	struct throttle_state s = failed(7);

	(void)state;
	assert_false(throttle_policy_age(&policy, &s, NOW_S + 899));
	assert_int_equal(s.fails, 7);
	throttle_policy_age(&policy, &s, NOW_S + 900);
	assert_int_equal(s.fails, 6);
	/* What is begun is not lost by looking, nor by another failure. */
	throttle_policy_age(&policy, &s, NOW_S + 1700);
	throttle_policy_count(&policy, &s, NOW_S + 1700);
	assert_int_equal(s.fails, 7);
	throttle_policy_age(&policy, &s, NOW_S + 1800);
	assert_int_equal(s.fails, 6);
	throttle_policy_age(&policy, &s, NOW_S + 1800 + 6 * 900);
	assert_int_equal(s.fails, 0);
	/* And then begins anew. */
	throttle_policy_count(&policy, &s, s.since_s);
	throttle_policy_age(&policy, &s, s.since_s + 899);
	assert_int_equal(s.fails, 1);
}

/* Somebody who tries whenever he may. */
static void
test_steady_guesser(void **state)
{
	(void)state;
	for (int kind = 0; kind < THROTTLE_KINDS; kind++) {
		const struct throttle_policy *p =
		    throttle_policy_of((enum throttle_kind)kind);
		struct throttle_state s = {0, 0, 0};
		int64_t now_s = NOW_S;
		int64_t tries = 0;

		while (now_s < NOW_S + 86400) {
			throttle_policy_age(p, &s, now_s);
			throttle_policy_count(p, &s, now_s);
			tries++;
			now_s += throttle_policy_wait_s(&s, now_s);
		}
		assert_true(tries <= p->fails_max + 1 + 86400 / p->decay_s);
		assert_true(p->fails_free >= 5);
	}
}

static void
test_take_back(void **state)
{
	struct throttle_state s = failed(5), before;

	(void)state;
	throttle_policy_age(&policy, &s, NOW_S + 4);
	before = s;
	throttle_policy_count(&policy, &s, NOW_S + 4);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S + 4), 8);
	throttle_policy_take_back(&s, s.until_s, NOW_S + 4);
	assert_memory_equal(&s, &before, sizeof(s));
	/* A failure that came later keeps its delay. */
	throttle_policy_count(&policy, &s, NOW_S + 4);
	int64_t mine_s = s.until_s;
	throttle_policy_count(&policy, &s, NOW_S + 12);
	throttle_policy_take_back(&s, mine_s, NOW_S + 13);
	assert_int_equal(s.fails, 6);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S + 13), 15);
	/* Forgotten in the meantime. */
	s = failed(0);
	throttle_policy_take_back(&s, 0, NOW_S);
	assert_int_equal(s.fails, 0);
}

static void
test_clock_set_back(void **state)
{
	struct throttle_state s = failed(6);

	(void)state;
	/* The rest of the delay is the same, and nothing is forgiven. */
	assert_true(throttle_policy_age(&policy, &s, NOW_S - YEARS_S));
	assert_int_equal(s.fails, 6);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S - YEARS_S), 8);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S - YEARS_S + 8), 0);
	assert_false(throttle_policy_age(&policy, &s, NOW_S - YEARS_S));
	/* To before the delay was invented. */
	s = failed(6);
	assert_true(throttle_policy_age(&policy, &s, 0));
	assert_true(throttle_policy_is_sane(&policy, &s));
	assert_int_equal(throttle_policy_wait_s(&s, 0), 8);
}

static void
test_clock_ahead_and_back(void **state)
{
	struct throttle_state s = failed(12);

	(void)state;
	/* Ten years later all is forgotten … */
	throttle_policy_age(&policy, &s, NOW_S + YEARS_S);
	assert_int_equal(s.fails, 0);
	for (int i = 0; i < 6; i++)
		wait_after(&s, NOW_S + YEARS_S);
	/* … and what failed then counts when the clock is right again. */
	assert_true(throttle_policy_age(&policy, &s, NOW_S));
	assert_int_equal(s.fails, 6);
	assert_int_equal(throttle_policy_wait_s(&s, NOW_S), 8);
	assert_int_equal(wait_after(&s, NOW_S + 8), 16);
}

static void
test_sane(void **state)
{
	static const struct {
		struct throttle_state state;
		bool is_sane;
	} cases[] = {
	    {{0, 0, 0}, true},
	    {{13, NOW_S, NOW_S + 900}, true},
	    {{1, NOW_S, NOW_S + 1800}, true},
	    {{1, NOW_S, NOW_S + 1801}, false},
	    {{14, NOW_S, NOW_S}, false},
	    {{-1, NOW_S, NOW_S}, false},
	    {{1, -1, 0}, false},
	    {{1, 0, -1}, false},
	    {{1, 0, INT64_MAX}, false},
	    {{1, INT64_MAX, 0}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    throttle_policy_is_sane(&policy, &cases[i].state),
		    cases[i].is_sane);
}

static void
test_floor(void **state)
{
	static const uint64_t counts[] = {0, 50, 20, 10, 5};

	(void)state;
	assert_int_equal(throttle_policy_floor(counts, 5, 100), 0);
	assert_int_equal(throttle_policy_floor(counts, 5, 85), 0);
	/* Who has more failures stays, and equals go together. */
	assert_int_equal(throttle_policy_floor(counts, 5, 84), 2);
	assert_int_equal(throttle_policy_floor(counts, 5, 35), 2);
	assert_int_equal(throttle_policy_floor(counts, 5, 34), 3);
	assert_int_equal(throttle_policy_floor(counts, 5, 4), 5);
	assert_int_equal(throttle_policy_floor(counts, 5, 0), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_doubling),
	    cmocka_unit_test(test_wait_ends),
	    cmocka_unit_test(test_decay),
	    cmocka_unit_test(test_steady_guesser),
	    cmocka_unit_test(test_take_back),
	    cmocka_unit_test(test_clock_set_back),
	    cmocka_unit_test(test_clock_ahead_and_back),
	    cmocka_unit_test(test_sane),
	    cmocka_unit_test(test_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
