/* tests/tools/crowd/ledger: what makes `make soak` fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/die.c"
#include "tests/tools/crowd/ledger.c"

static const char *
hear(struct ledger *l, uint64_t seq, const char *event, size_t nth)
{
	return ledger_hear(l, seq, event, strlen(event), 7, nth);
}

static int
teardown(void **state)
{
	ledger_free(*state);
	return 0;
}

static struct ledger *
good(void **state)
{
	struct ledger *l = *state = ledger_new();

	assert_null(hear(l, 10, "first", 1));
	assert_null(hear(l, 11, "second", 2));
	assert_null(hear(l, 12, "a join", 0));
	assert_null(ledger_ack(l, 7, 1, 10));
	assert_null(ledger_ack(l, 7, 2, 11));
	/* Somebody else, and an ack that comes again. */
	assert_null(hear(l, 10, "first", 1));
	assert_null(ledger_ack(l, 7, 2, 11));
	assert_int_equal(ledger_unheard(l), 0);
	return l;
}

static void
test_double(void **state)
{
	assert_non_null(hear(good(state), 13, "second, again", 2));
}

static void
test_swap(void **state)
{
	struct ledger *l = good(state);

	assert_non_null(hear(l, 10, "second", 2));
	assert_non_null(hear(l, 11, "first", 1));
}

static void
test_changed(void **state)
{
	assert_non_null(hear(good(state), 12, "a leave", 0));
}

static void
test_lost(void **state)
{
	struct ledger *l = good(state);

	assert_null(ledger_ack(l, 7, 3, 13));
	assert_int_equal(ledger_unheard(l), 1);
	assert_null(hear(l, 13, "third", 3));
	assert_int_equal(ledger_unheard(l), 0);
}

static void
test_wrong_ack(void **state)
{
	struct ledger *l = good(state);

	assert_non_null(ledger_ack(l, 7, 1, 11));
	assert_null(ledger_ack(l, 7, 3, 13));
	assert_non_null(hear(l, 14, "third", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_double, teardown),
	    cmocka_unit_test_teardown(test_swap, teardown),
	    cmocka_unit_test_teardown(test_changed, teardown),
	    cmocka_unit_test_teardown(test_lost, teardown),
	    cmocka_unit_test_teardown(test_wrong_ack, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
