/* auth/sessions: lifetimes, and clocks that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions_fixture.h"

static void
test_lifetimes(void **state)
{
	(void)state;
	begin("bob");
	clock_manual_advance(&manual, IDLE_S * 1000 - 1);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	clock_manual_advance(&manual, 1);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_recheck(reader, key, NULL), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(count(), 0);

	/* kept busy, the absolute end comes */
	begin("bob");
	int64_t start_s = clock_wall_s(&manual.clock);
	while (clock_wall_s(&manual.clock) < start_s + ABSOLUTE_S) {
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		assert_int_equal(sessions_touch(sessions, key), STORE_OK);
		clock_manual_advance(&manual, (IDLE_S - 1) * 1000);
	}
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
}

static void
test_no_limits(void **state)
{
	struct sessions_new new = new_for("bob");

	(void)state;
	new.idle_s = new.absolute_s = 0;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	clock_manual_advance(&manual, INT64_C(1000) * 3600 * 24 * 3650);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), NULL, key, NULL),
	    SESSIONS_VALID);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
}

static void
test_clock_set_back(void **state)
{
	const int64_t day_ms = INT64_C(24) * 3600 * 1000;

	(void)state;
	begin("bob");
	/* a little, as time servers and zones do */
	clock_manual_advance(&manual, -day_ms);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	/* so far that it is wrong, e.g. a battery that died */
	clock_manual_advance(&manual, -1000);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	manual.wall_now_ms = 0;
	assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	/* it was not its end, though */
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(reader, token), SESSIONS_VALID);

	/* what was seen expired stays so */
	clock_manual_advance(&manual, IDLE_S * 1000);
	assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(sessions, token), SESSIONS_UNKNOWN);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
}

/* Where counters of other programs end, and calendars do. */
static void
test_far_times(void **state)
{
	static const int64_t times[] = {1, INT64_C(0x7fffffff) - 2,
	    INT64_C(0x80000000), INT64_C(0xffffffff), INT64_C(253402300799),
	    INT64_C(253402300800), INT64_C(9000000000000)};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		manual.wall_now_ms = times[i] * 1000;
		begin("bob");
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		/* idle, kept alive, and over to the second */
		manual.wall_now_ms += (IDLE_S - 1) * 1000;
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		for (int64_t s = IDLE_S - 1; s < ABSOLUTE_S; s += IDLE_S - 1) {
			manual.wall_now_ms = (times[i] + s) * 1000;
			assert_int_equal(
			    sessions_touch(sessions, key), STORE_OK);
		}
		manual.wall_now_ms = (times[i] + ABSOLUTE_S) * 1000 - 1;
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		manual.wall_now_ms++;
		assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
		assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
		/* and no clock brings it back */
		static const int64_t clocks[] = {0, -1, -NOW_S * 1000,
		    NOW_S * 1000, INT64_MAX / 2, INT64_MIN / 2};
		for (size_t j = 0; j < sizeof(clocks) / sizeof(clocks[0]);
		     j++) {
			manual.wall_now_ms = clocks[j];
			assert_int_equal(
			    validate(sessions, token), SESSIONS_EXPIRED);
		}
		assert_int_equal(sessions_maintain(sessions), STORE_OK);
		manual.wall_now_ms = times[i] * 1000;
		assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	}
}

/* Before 1970 nothing is begun that could not be written down. */
static void
test_before_1970(void **state)
{
	const struct sessions_new new = new_for("bob");

	(void)state;
	begin("bob");
	manual.wall_now_ms = -5000;
	char none[TOKEN_SIZE];
	enum store_err err = sessions_begin(sessions, users, &new, HASH, none);
	if (err != STORE_OK)
		assert_string_equal(none, "");
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_lifetimes),
	    CASE(test_no_limits),
	    CASE(test_clock_set_back),
	    CASE(test_far_times),
	    CASE(test_before_1970),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
