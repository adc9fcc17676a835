/*
 * What becomes of a worker's stores when the disk fails: the handle that
 * failed to sync knows more than a fresh one would.
 */
#include "fcgi-app/stores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sessions_fixture.h"
#include "store_faults.h"

#define RETRY_MS 6000 /* longer than it waits before it tries again */

static struct config config;
static struct stores stores;

static int
setup_stores(void **state)
{
	if (setup(state) != 0)
		return -1;
	char text[128];
	int n = snprintf(
	    text, sizeof(text), "[store]\ndir = %s\nreserve_bytes = 0\n", dir);
	if (config_parse(&config, "test", text, (size_t)n, &error) != 0)
		return -1;
	stores_init(&stores, &config, &manual.clock);
	return 0;
}

static int
teardown_stores(void **state)
{
	fault_disarm();
	stores_fini(&stores);
	config_fini(&config);
	return teardown(state);
}

static enum store_err
change_user(struct users *u)
{
	struct record_user r;
	enum store_err err = users_begin(u);

	if (err != STORE_OK)
		return err;
	err = users_get(u, "bob", &r);
	if (err == STORE_OK)
		err = users_put(u, &r);
	if (err == STORE_OK)
		return users_commit(u);
	users_abort(u);
	return err;
}

/* However often it is asked, and long after the disk has come back. */
static void
assert_reads_alone(struct users *kept)
{
	struct record_user r;

	for (int i = 0; i < 5; i++) {
		struct users *u = stores_users(&stores);
		assert_non_null(u);
		if (kept != NULL)
			assert_ptr_equal(u, kept);
		assert_int_equal(users_get(u, "bob", &r), STORE_OK);
		enum store_err err = change_user(u);
		assert_int_equal(err, STORE_READONLY);
		stores_users_failed(&stores, "change", err);
		clock_manual_advance(&manual, RETRY_MS);
		stores_maintain(&stores);
	}
}

static void
test_sync_fails(void **state)
{
	(void)state;
	struct users *u = stores_users(&stores);
	assert_int_equal(change_user(u), STORE_OK);
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	enum store_err err = change_user(u);
	assert_true(fault_has_struck());
	fault_disarm();
	assert_int_equal(err, STORE_IO);
	stores_users_failed(&stores, "change", err);
	assert_reads_alone(u);
}

static void
test_sync_fails_while_opening(void **state)
{
	(void)state;
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	assert_non_null(stores_users(&stores));
	assert_true(fault_has_struck());
	fault_disarm();
	assert_reads_alone(NULL);
}

/* Only a disk that lost something is never believed again. */
static void
test_full(void **state)
{
	(void)state;
	struct users *u = stores_users(&stores);
	fault_arm(FAULT_ERROR, 1, ENOSPC, "pwrite");
	enum store_err err = change_user(u);
	assert_true(fault_has_struck());
	fault_disarm();
	assert_int_equal(err, STORE_FULL);
	stores_users_failed(&stores, "change", err);
	assert_int_equal(change_user(stores_users(&stores)), STORE_OK);
}

static void
test_sessions_sync_fails(void **state)
{
	(void)state;
	begin("bob");
	struct sessions *s = stores_sessions(&stores);
	assert_int_equal(validate(s, token), SESSIONS_VALID);
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	enum store_err err = sessions_end(s, key);
	fault_disarm();
	assert_int_equal(err, STORE_IO);
	stores_sessions_failed(&stores, "end", err);
	/* It has ended for all, though perhaps not for a power loss. */
	assert_ptr_equal(stores_sessions(&stores), s);
	assert_int_equal(validate(s, token), SESSIONS_UNKNOWN);
	assert_int_equal(sessions_end(s, key), STORE_READONLY);
}

#undef CASE
#define CASE(f) \
	cmocka_unit_test_setup_teardown(f, setup_stores, teardown_stores)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_sync_fails),
	    CASE(test_sync_fails_while_opening),
	    CASE(test_full),
	    CASE(test_sessions_sync_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
