/*
 * Sessions held, and addresses counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/held.h"
#include "wsd/tally.h"

#include <string.h>

#define KEY_A \
	"s:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B \
	"s:00112233445566778899aabbccddeeff00112233445566778899aabbccddeefe"

static void
test_by_session(void **state)
{
	struct held s = {NULL};
	struct client a = {.seat = 1}, b = {.seat = 2}, c = {.seat = 3};
	char key[SESSIONS_KEY_SIZE];

	(void)state;
	assert_int_equal(held_add(&s, &a, KEY_A, 10), 0);
	assert_int_equal(held_add(&s, &b, KEY_A, 20), 0);
	assert_int_equal(held_add(&s, &c, KEY_B, 30), 0);
	struct held_session *e = held_find(&s, KEY_A);
	assert_non_null(e);
	assert_int_equal(e->end_s, 20);
	assert_ptr_equal(e->clients, &b);
	assert_ptr_equal(b.session_next, &a);
	assert_null(a.session_next);
	held_key(e, key);
	assert_string_equal(key, KEY_A);
	held_remove(&s, &a);
	assert_ptr_equal(e->clients, &b);
	assert_null(b.session_next);
	held_remove(&s, &b);
	assert_null(held_find(&s, KEY_A));
	assert_ptr_equal(held_find(&s, KEY_B)->clients, &c);
	held_remove(&s, &c);
	assert_null(s.sessions);
}

static void
test_removed_from_the_middle(void **state)
{
	struct held s = {NULL};
	struct client c[3] = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(held_add(&s, &c[i], KEY_A, 1), 0);
	held_remove(&s, &c[1]);
	assert_ptr_equal(held_find(&s, KEY_A)->clients, &c[2]);
	assert_ptr_equal(c[2].session_next, &c[0]);
	held_remove(&s, &c[2]);
	assert_ptr_equal(held_find(&s, KEY_A)->clients, &c[0]);
	held_fini(&s);
	assert_null(s.sessions);
}

static void
test_not_a_key(void **state)
{
	static const char *const bad[] = {
	    "",
	    "s:",
	    "s:0011",
	    "u:00112233445566778899aabbccddeeff"
	    "00112233445566778899aabbccddeeff",
	    "s:00112233445566778899aabbccddeeff"
	    "00112233445566778899aabbccddeefF",
	    "s:00112233445566778899aabbccddeeff"
	    "00112233445566778899aabbccddeeg0",
	    KEY_A "0",
	};
	struct held s = {NULL};
	struct client c = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(held_add(&s, &c, bad[i], 1), -1);
		assert_false(held_is_key(bad[i]));
		assert_null(held_find(&s, bad[i]));
	}
	assert_true(held_is_key(KEY_A));
}

static void
test_tally(void **state)
{
	struct tally t = {NULL};

	(void)state;
	struct tally_entry *a = tally_add(&t, "192.0.2.1");
	assert_ptr_equal(tally_add(&t, "192.0.2.1"), a);
	struct tally_entry *b = tally_add(&t, "2001:db8::1");
	assert_ptr_not_equal(a, b);
	assert_int_equal(tally_count(&t, "192.0.2.1"), 2);
	assert_int_equal(tally_count(&t, "2001:db8::1"), 1);
	assert_int_equal(tally_count(&t, "192.0.2.2"), 0);
	tally_drop(&t, a);
	assert_int_equal(tally_count(&t, "192.0.2.1"), 1);
	tally_drop(&t, a);
	assert_int_equal(tally_count(&t, "192.0.2.1"), 0);
	tally_fini(&t);
	assert_null(t.entries);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_session),
	    cmocka_unit_test(test_removed_from_the_middle),
	    cmocka_unit_test(test_not_a_key),
	    cmocka_unit_test(test_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
