/* auth/sessions: activity prolongs, and revives nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions_fixture.h"

#include <sys/wait.h>

static int64_t
seen(void)
{
	struct record_session r;

	assert_int_equal(sessions_recheck(reader, key, &r), SESSIONS_VALID);
	return r.seen_s;
}

static void
test_touch(void **state)
{
	struct store_stats before, after;

	(void)state;
	begin("bob");
	assert_int_equal(
	    store_stats(sessions_store(sessions), &before), STORE_OK);
	clock_manual_advance(&manual, (IDLE_S / 10 - 1) * 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(seen(), NOW_S);
	assert_int_equal(
	    store_stats(sessions_store(sessions), &after), STORE_OK);
	assert_int_equal(before.journal_bytes, after.journal_bytes);

	clock_manual_advance(&manual, 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(seen(), NOW_S + IDLE_S / 10);
	/* a clock set back takes no activity away */
	clock_manual_advance(&manual, -50 * 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(seen(), NOW_S + IDLE_S / 10);

	clock_manual_advance(&manual, 500 * 1000);
	assert_int_equal(sessions_touch(reader, key), STORE_READONLY);
}

/* Ended between the look and the lock: by another process, at that. */
static void
test_touch_does_not_revive(void **state)
{
	struct sessions *other;

	(void)state;
	assert_int_equal(
	    sessions_open(dir, true, 1000, 0, &manual.clock, &other, &error),
	    STORE_OK);
	begin("bob");
	clock_manual_advance(&manual, 500 * 1000);
	assert_int_equal(sessions_end(other, key), STORE_OK);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	assert_int_equal(validate(sessions, token), SESSIONS_UNKNOWN);
	sessions_close(other);
}

/* The two at the same time, many times over. */
static void
test_touch_against_end(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		begin("bob");
		clock_manual_advance(&manual, 200 * 1000);
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			struct sessions *other;
			if (sessions_open(dir, true, 5000, 0, &manual.clock,
				&other, &error) != STORE_OK)
				_exit(1);
			enum store_err err = sessions_touch(other, key);
			_exit(err != STORE_OK && err != STORE_NOTFOUND &&
			    err != STORE_BUSY);
		}
		assert_int_equal(sessions_end(sessions, key), STORE_OK);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	}
}

/* Noted as expired by one worker, touched meanwhile by another: lives. */
static void
test_expired_and_touched(void **state)
{
	struct clock_manual ahead;
	struct sessions *other;

	(void)state;
	begin("bob");
	clock_manual_init(&ahead, (NOW_S + IDLE_S) * 1000);
	assert_int_equal(
	    sessions_open(dir, true, 1000, 0, &ahead.clock, &other, &error),
	    STORE_OK);
	assert_int_equal(validate(other, token), SESSIONS_EXPIRED);
	clock_manual_advance(&manual, 900 * 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(sessions_maintain(other), STORE_OK);
	assert_int_equal(validate(sessions, token), SESSIONS_VALID);
	assert_int_equal(validate(other, token), SESSIONS_VALID);
	sessions_close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_touch),
	    CASE(test_touch_does_not_revive),
	    CASE(test_touch_against_end),
	    CASE(test_expired_and_touched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
