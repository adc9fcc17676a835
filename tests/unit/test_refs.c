/*
 * What was already said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/refs.h"

#include <stdio.h>
#include <string.h>

static int
add(struct refs *r, const char *user, const char *ref, uint64_t seq)
{
	return refs_add(r, user, strlen(user), ref, strlen(ref), seq, REFS_MIN);
}

static uint64_t
find(const struct refs *r, const char *user, const char *ref)
{
	return refs_find(r, user, strlen(user), ref, strlen(ref));
}

static void
test_by_user_and_ref(void **state)
{
	struct refs r = {0};

	(void)state;
	assert_int_equal(find(&r, "alice", "1"), 0);
	assert_int_equal(add(&r, "alice", "1", 11), 0);
	assert_int_equal(add(&r, "alice", "2", 12), 0);
	assert_int_equal(add(&r, "bob", "1", 13), 0);
	assert_int_equal(find(&r, "alice", "1"), 11);
	assert_int_equal(find(&r, "alice", "2"), 12);
	assert_int_equal(find(&r, "bob", "1"), 13);
	assert_int_equal(find(&r, "bob", "2"), 0);
	refs_fini(&r);
}

static void
test_no_pair_meets_another(void **state)
{
	struct refs r = {0};

	(void)state;
	assert_int_equal(add(&r, "ab", "c", 1), 0);
	assert_int_equal(find(&r, "a", "bc"), 0);
	/* A ref may have a NUL; a name has none. */
	assert_int_equal(refs_add(&r, "x", 1, "\0y", 2, 2, REFS_MIN), 0);
	assert_int_equal(refs_find(&r, "x", 1, "\0y", 2), 2);
	assert_int_equal(refs_find(&r, "x", 1, "\0", 1), 0);
	assert_int_equal(find(&r, "x", "y"), 0);
	refs_fini(&r);
}

static void
test_forgets_the_oldest(void **state)
{
	struct refs r = {0};
	char ref[16];

	(void)state;
	for (uint64_t i = 1; i <= 3 * REFS_MIN; i++) {
		snprintf(ref, sizeof(ref), "%llu", (unsigned long long)i);
		assert_int_equal(add(&r, "alice", ref, i), 0);
	}
	assert_int_equal(r.count, REFS_MIN);
	snprintf(ref, sizeof(ref), "%d", 2 * REFS_MIN);
	assert_int_equal(find(&r, "alice", ref), 0);
	snprintf(ref, sizeof(ref), "%d", 2 * REFS_MIN + 1);
	assert_int_equal(find(&r, "alice", ref), 2 * REFS_MIN + 1);
	/* A smaller limit takes hold with the next. */
	assert_int_equal(refs_add(&r, "bob", 3, "b", 1, 9, 2), 0);
	assert_int_equal(r.count, 2);
	assert_int_equal(find(&r, "bob", "b"), 9);
	refs_fini(&r);
	assert_int_equal(r.count, 0);
}

static void
test_too_long(void **state)
{
	struct refs r = {0};
	char ref[REFS_REF_MAX + 2];

	(void)state;
	memset(ref, 'r', sizeof(ref));
	ref[REFS_REF_MAX + 1] = '\0';
	assert_int_equal(add(&r, "alice", ref, 1), -1);
	ref[REFS_REF_MAX] = '\0';
	assert_int_equal(add(&r, "alice", ref, 1), 0);
	assert_int_equal(find(&r, "alice", ref), 1);
	refs_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_user_and_ref),
	    cmocka_unit_test(test_no_pair_meets_another),
	    cmocka_unit_test(test_forgets_the_oldest),
	    cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
