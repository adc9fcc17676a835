/* auth/throttle: what a try counts against, and when it has to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "auth/address.h"
#include "throttle_fixture.h"

static void
test_name(void **state)
{
	(void)state;
	for (int i = 0; i < FREE; i++)
		assert_int_equal(try_name("Alice"), 0);
	/* Another case of it is the same account, another name is not. */
	assert_int_equal(try_name("aLICE"), 4);
	assert_int_equal(try_name("alic"), 0);
	/* Being turned away is no failure. */
	assert_int_equal(fails_of(THROTTLE_NAME, "Alice"), FREE);
	clock_manual_advance(&manual, 4000);
	assert_int_equal(try_name("alice"), 0);
	assert_int_equal(try_name("alice"), 8);
	clock_manual_advance(&manual, INT64_C(900000) * (FREE + 1));
	guess(from("alice", "unix", NULL), FREE);
}

static void
test_address(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < ADDRESS_FREE; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		assert_int_equal(try_as(from(name, "192.0.2.1", NULL)), 0);
	}
	assert_int_equal(try_as(from("user", "192.0.2.1", NULL)), 4);
	assert_int_equal(try_as(from(NULL, "192.0.2.1", NULL)), 4);
	assert_int_equal(try_as(from("user", "192.0.2.2", NULL)), 0);
	/* Who was turned away for his address does not count for the name. */
	assert_int_equal(fails_of(THROTTLE_NAME, "user"), 1);
	/* Who is not: no name, an address. */
	assert_int_equal(fails_of(THROTTLE_ADDRESS, "192.0.2.2"), 1);
	clock_manual_advance(&manual, 60000 * ADDRESS_FREE);
	assert_int_equal(fails_of(THROTTLE_ADDRESS, "192.0.2.1"), 0);
}

static void
test_no_name_and_no_address(void **state)
{
	(void)state;
	guess(from(NULL, "unix", NULL), 50);
	guess(from(NULL, "unknown", NULL), 50);
	guess(from(NULL, "192.0.2.1", NULL), ADDRESS_FREE);
	assert_int_equal(try_as(from(NULL, "192.0.2.1", NULL)), 4);
	assert_int_equal(count(), 1);
}

static void
test_net(void **state)
{
	static const struct {
		const char *address, *net;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
	    {"2001:DB8:1:2::", "2001:db8:1:2::/64"},
	    {"2001:db8:1:2::/64", "2001:db8:1:2::/64"},
	    {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db8:ffff:ffff::/64"},
	    {"::1", "::/64"},
	    {"192.0.2.1/64", NULL},
	    {"192.0.2", NULL},
	    {"192.0.2.1 ", NULL},
	    {"2001:db8::1%eth0", NULL},
	    {"/64", NULL},
	    {"unix", NULL},
	    {"", NULL},
	    {"2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:1", NULL},
	};
	char net[ADDRESS_NETWORK_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(address_network(cases[i].address, net),
		    cases[i].net != NULL);
		if (cases[i].net != NULL)
			assert_string_equal(net, cases[i].net);
	}
}

static void
test_device(void **state)
{
	const struct throttle_who owner = from("alice", "192.0.2.1", device);

	(void)state;
	/* Strangers cannot keep the owner out, at his own address neither. */
	guess(from("alice", "192.0.2.1", NULL), FREE);
	assert_int_equal(try_as(from("alice", "192.0.2.9", NULL)), 4);
	guess(from(NULL, "192.0.2.1", NULL), ADDRESS_FREE - FREE);
	assert_int_equal(try_as(from(NULL, "192.0.2.1", NULL)), 4);
	/* Nor he them; nor does he wash them clean. */
	guess(owner, FREE - 1);
	succeed(owner);
	assert_int_equal(fails_of(THROTTLE_NAME, "alice"), FREE);
	assert_int_equal(fails_of(THROTTLE_ADDRESS, "192.0.2.1"), ADDRESS_FREE);
	assert_int_equal(fails_of(THROTTLE_DEVICE, "alice"), 0);
	/* His allowance has an end, by browser and account. */
	guess(owner, FREE);
	assert_int_equal(try_as(owner), 4);
	assert_int_equal(try_as(from("ALICE", "192.0.2.7", device)), 4);
	assert_int_equal(try_as(from("bob", "192.0.2.1", device)), 0);
	assert_int_equal(try_as(from("alice", "192.0.2.1", other_device)), 0);
}

static void
test_success(void **state)
{
	const struct throttle_who who = from("alice", "192.0.2.1", NULL);

	(void)state;
	guess(who, FREE - 1);
	succeed(who);
	assert_int_equal(fails_of(THROTTLE_NAME, "alice"), 0);
	/* The address has what it had. */
	assert_int_equal(fails_of(THROTTLE_ADDRESS, "192.0.2.1"), FREE - 1);
	/* However often somebody signs in to an account of his own. */
	guess(from(NULL, "192.0.2.1", NULL), ADDRESS_FREE - FREE);
	for (int i = 0; i < 50; i++)
		succeed(who);
	assert_int_equal(
	    fails_of(THROTTLE_ADDRESS, "192.0.2.1"), ADDRESS_FREE - 1);
	guess(from(NULL, "192.0.2.1", NULL), 1);
	assert_int_equal(try_as(who), 4);
	/* Where nothing is left there is no record. */
	succeed(from("bob", "192.0.2.2", NULL));
	assert_int_equal(count(), 1);
}

/* What was no try is none, for the account, the address and the browser. */
static void
test_undo(void **state)
{
	struct throttle_who who = from("alice", "192.0.2.1", NULL);
	struct throttle_who known = from("alice", "192.0.2.1", device);
	int64_t wait_s;

	(void)state;
	guess(who, FREE - 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
		    throttle_take(throttle, &who, &wait_s), STORE_OK);
		assert_int_equal(wait_s, 0);
		assert_int_equal(throttle_undo(throttle, &who), STORE_OK);
		assert_int_equal(fails_of(THROTTLE_NAME, "alice"), FREE - 1);
		assert_int_equal(
		    fails_of(THROTTLE_ADDRESS, "192.0.2.1"), FREE - 1);
	}
	assert_int_equal(throttle_take(throttle, &known, &wait_s), STORE_OK);
	assert_int_equal(throttle_undo(throttle, &known), STORE_OK);
	assert_int_equal(fails_of(THROTTLE_DEVICE, "alice"), 0);
	assert_int_equal(fails_of(THROTTLE_NAME, "alice"), FREE - 1);

	guess(who, 1);
	assert_int_equal(try_as(who), 4);
}

#define GUESSERS 8

/* Workers that do not know of one another get no more together than one. */
static void
test_parallel(void **state)
{
	pid_t pids[GUESSERS];
	int got = 0;

	(void)state;
	for (int i = 0; i < GUESSERS; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		struct throttle *own;
		struct buf why = BUF_INIT;
		int taken = 0;
		if (throttle_open(dir, true, 20000, &manual.clock, &own,
			&why) != STORE_OK)
			_exit(100);
		for (int tries = 0; tries < 20; tries++) {
			struct throttle_who who = from("alice", "unix", NULL);
			int64_t wait_s;
			if (throttle_take(own, &who, &wait_s) != STORE_OK)
				_exit(100);
			taken += wait_s == 0;
		}
		_exit(taken);
	}
	for (int i = 0; i < GUESSERS; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
		got += WEXITSTATUS(status);
	}
	assert_int_equal(got, FREE);
}

static void
set_clock(int64_t s)
{
	manual.wall_now_ms = s * 1000;
}

static void
test_clock_set_back(void **state)
{
	const struct throttle_who who = from("alice", "192.0.2.1", NULL);
	struct throttle_who again = who;
	int64_t wait_s;

	(void)state;
	guess(who, FREE);
	set_clock(NOW_S - YEARS_S);
	/* No wait without the lock, for there is something to keep. */
	assert_int_equal(throttle_wait_s(throttle, &who, &wait_s), STORE_OK);
	assert_int_equal(wait_s, 0);
	assert_int_equal(throttle_take(throttle, &again, &wait_s), STORE_OK);
	assert_int_equal(wait_s, 4);
	/* Time goes on from there. */
	assert_int_equal(try_as(who), 4);
	set_clock(NOW_S - YEARS_S + 3);
	assert_int_equal(try_as(who), 1);
	set_clock(NOW_S - YEARS_S + 4);
	assert_int_equal(try_as(who), 0);
	assert_int_equal(try_as(who), 8);
}

static void
test_clock_ahead(void **state)
{
	struct throttle_who who = from("alice", "unix", NULL);
	int64_t wait_s;

	(void)state;
	guess(who, FREE);
	set_clock(NOW_S + YEARS_S);
	guess(who, FREE);
	assert_int_equal(try_as(who), 4);
	/* Right again: known all the same. */
	set_clock(NOW_S);
	assert_int_equal(throttle_take(throttle, &who, &wait_s), STORE_OK);
	assert_int_equal(wait_s, 4);
	set_clock(NOW_S + 4);
	assert_int_equal(try_as(who), 0);
	assert_int_equal(try_as(who), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_name),
	    CASE(test_address),
	    CASE(test_no_name_and_no_address),
	    CASE(test_net),
	    CASE(test_device),
	    CASE(test_success),
	    CASE(test_undo),
	    CASE(test_parallel),
	    CASE(test_clock_set_back),
	    CASE(test_clock_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
