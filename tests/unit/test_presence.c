/*
 * Who is here, who is leaving and who is still remembered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/presence.h"

#include <stdio.h>
#include <string.h>

#define GRACE_MS 5000

static void
test_first_and_more(void **state)
{
	struct presence p;
	bool is_first;

	(void)state;
	presence_init(&p);
	struct presence_user *u = presence_enter(&p, "alice", 77, &is_first);
	assert_true(is_first);
	assert_string_equal(u->name, "alice");
	assert_int_equal(u->since_ms, 77);
	assert_ptr_equal(presence_enter(&p, "alice", 78, &is_first), u);
	assert_false(is_first);
	assert_int_equal(u->connections, 2);
	assert_int_equal(u->since_ms, 77);
	assert_int_equal(p.online, 1);
	/* Names are compared byte by byte. */
	assert_ptr_not_equal(presence_enter(&p, "Alice", 78, &is_first), u);
	assert_true(is_first);
	assert_int_equal(p.online, 2);
	assert_ptr_equal(presence_find(&p, "alice", 5), u);
	assert_null(presence_find(&p, "alic", 4));
	presence_fini(&p);
}

static void
test_leaves_after_grace(void **state)
{
	struct presence p;
	bool is_first;

	(void)state;
	presence_init(&p);
	struct presence_user *u = presence_enter(&p, "alice", 1, &is_first);
	presence_enter(&p, "alice", 1, &is_first);
	presence_exit(&p, u, 100);
	assert_null(presence_next_leaving(&p, GRACE_MS, 1000000));
	presence_exit(&p, u, 1000);
	assert_null(presence_next_leaving(&p, GRACE_MS, 5999));
	assert_ptr_equal(presence_next_leaving(&p, GRACE_MS, 6000), u);
	presence_leave(&p, u, 6000);
	assert_null(presence_next_leaving(&p, GRACE_MS, 6000));
	assert_int_equal(p.online, 0);
	/* Nothing stood against it: forgotten. */
	assert_null(presence_find(&p, "alice", 5));
	presence_fini(&p);
}

static void
test_comes_back_within(void **state)
{
	struct presence p;
	bool is_first;

	(void)state;
	presence_init(&p);
	struct presence_user *a = presence_enter(&p, "alice", 1, &is_first);
	struct presence_user *b = presence_enter(&p, "bob", 1, &is_first);
	presence_exit(&p, a, 1000);
	presence_exit(&p, b, 1001);
	assert_ptr_equal(presence_enter(&p, "alice", 2, &is_first), a);
	assert_false(is_first);
	assert_int_equal(a->since_ms, 1);
	assert_ptr_equal(presence_next_leaving(&p, GRACE_MS, 9000), b);
	presence_leave(&p, b, 9000);
	assert_null(presence_next_leaving(&p, GRACE_MS, 9000));
	/* Gone again: the grace begins anew. */
	presence_exit(&p, a, 9000);
	assert_null(presence_next_leaving(&p, GRACE_MS, 13999));
	assert_ptr_equal(presence_next_leaving(&p, GRACE_MS, 14000), a);
	presence_fini(&p);
}

static void
test_remembered_by_bucket(void **state)
{
	struct presence p;
	bool is_first;

	(void)state;
	presence_init(&p);
	struct presence_user *u = presence_enter(&p, "alice", 1, &is_first);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ratelimit_take(&u->bucket, 1, 20, 1000), 0);
	presence_exit(&p, u, 1000);
	presence_leave(&p, u, 1000);
	presence_forget(&p, 20999);
	assert_ptr_equal(presence_find(&p, "alice", 5), u);
	assert_false(u->is_online);
	/* Back: a join, and the bucket is as it was. */
	assert_ptr_equal(presence_enter(&p, "alice", 2, &is_first), u);
	assert_true(is_first);
	assert_int_not_equal(ratelimit_take(&u->bucket, 1, 20, 1000), 0);
	presence_exit(&p, u, 2000);
	presence_leave(&p, u, 2000);
	presence_forget(&p, 21000);
	assert_null(presence_find(&p, "alice", 5));
	presence_fini(&p);
}

static void
test_many_leave_in_order(void **state)
{
	struct presence p;
	struct presence_user *users[500];
	bool is_first;

	(void)state;
	presence_init(&p);
	for (int i = 0; i < 500; i++) {
		char name[16];
		snprintf(name, sizeof(name), "u%d", i);
		users[i] = presence_enter(&p, name, 1, &is_first);
		assert_non_null(users[i]);
	}
	for (int i = 0; i < 500; i++)
		presence_exit(&p, users[(i * 7) % 500], 1000 + i);
	for (int i = 0; i < 500; i++) {
		struct presence_user *u =
		    presence_next_leaving(&p, GRACE_MS, 6000 + i);
		assert_ptr_equal(u, users[(i * 7) % 500]);
		presence_leave(&p, u, 6000 + i);
		assert_null(presence_next_leaving(&p, GRACE_MS, 6000 + i));
	}
	assert_int_equal(p.online, 0);
	assert_null(p.users);
	presence_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_and_more),
	    cmocka_unit_test(test_leaves_after_grace),
	    cmocka_unit_test(test_comes_back_within),
	    cmocka_unit_test(test_remembered_by_bucket),
	    cmocka_unit_test(test_many_leave_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
