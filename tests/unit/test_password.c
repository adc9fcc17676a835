/* auth/password: exact bytes, the cost, and what may be set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "auth/crypto.h"
#include "auth/password.h"

/* The production file itself, for its table. */
#include "auth/password_common.c"

static const struct password_cost cheap = {8, 1};

static int
setup(void **state)
{
	(void)state;
	return crypto_init();
}

static enum password_err
check(const char *pw, int64_t min)
{
	return password_check_new(pw, strlen(pw), "Élodie.M", min);
}

static void
test_check_new(void **state)
{
	char longest[PASSWORD_BYTES_MAX + 1];

	(void)state;
	assert_int_equal(check("wq8-mz2+ld", 8), PASSWORD_OK);
	assert_int_equal(check("wq8-mz2+", 8), PASSWORD_OK);
	assert_int_equal(check("wq8-mz2", 8), PASSWORD_SHORT);
	assert_int_equal(check("", 8), PASSWORD_SHORT);
	assert_int_equal(check("", 0), PASSWORD_SHORT);
	assert_int_equal(check("wq8-mz2+ld", 11), PASSWORD_SHORT);
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = (char)(i * 7);
	assert_int_equal(
	    password_check_new(longest, PASSWORD_BYTES_MAX, "a", 8),
	    PASSWORD_OK);
	assert_int_equal(password_check_new(longest, sizeof(longest), "a", 8),
	    PASSWORD_LONG);
	assert_int_equal(check("password", 8), PASSWORD_COMMON);
	assert_int_equal(check("éLODIE.m", 8), PASSWORD_COMMON);
	assert_int_equal(check("e\xcc\x81lodie.m", 8), PASSWORD_COMMON);
	assert_int_equal(check("élodie.mm", 8), PASSWORD_OK);
	assert_int_equal(check("PassWord", 8), PASSWORD_COMMON);
	assert_int_equal(check("12345678", 8), PASSWORD_COMMON);
	assert_int_equal(check("1Qaz2WSX", 8), PASSWORD_COMMON);
	assert_int_equal(check("########", 8), PASSWORD_COMMON);
	assert_int_equal(check("password ", 8), PASSWORD_OK);
	assert_int_equal(
	    password_check_new("password\0", 9, "a", 8), PASSWORD_OK);
}

static void
test_common_table(void **state)
{
	size_t n = sizeof(words) / sizeof(words[0]);

	(void)state;
	assert_true(n >= 200);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		assert_in_range(len, 8, WORD_MAX - 1);
		if (i > 0 && strcmp(words[i - 1], words[i]) >= 0)
			fail_msg("%s is out of order", words[i]);
		if (!password_is_common(words[i], len))
			fail_msg("%s is not found", words[i]);
		for (size_t j = 0; j < len; j++)
			assert_false(words[i][j] >= 'A' && words[i][j] <= 'Z');
	}
}

static void
test_round(void **state)
{
	static const char pw[] = "a\0b\xff c";
	size_t n = sizeof(pw) - 1;
	char hash[PASSWORD_HASH_SIZE];

	(void)state;
	assert_int_equal(password_hash(pw, n, &cheap, hash), PASSWORD_OK);
	assert_int_equal(password_verify(hash, pw, n, &cheap), PASSWORD_OK);
	assert_int_equal(
	    password_verify(hash, pw, n - 1, &cheap), PASSWORD_WRONG);
	assert_int_equal(
	    password_verify(hash, pw, n + 1, &cheap), PASSWORD_WRONG);
	assert_int_equal(password_verify(hash, "a", 1, &cheap), PASSWORD_WRONG);
	assert_int_equal(password_verify(hash, "", 0, &cheap), PASSWORD_WRONG);
	assert_int_equal(password_verify("", pw, n, &cheap), PASSWORD_UNUSABLE);
	assert_int_equal(
	    password_verify("$2y$10$abc", pw, n, &cheap), PASSWORD_UNUSABLE);

	assert_false(password_needs_rehash(hash, &cheap));
	const struct password_cost more = {16, 1}, twice = {8, 2};
	assert_true(password_needs_rehash(hash, &more));
	assert_true(password_needs_rehash(hash, &twice));
	assert_true(password_needs_rehash("$2y$10$abc", &cheap));
	/* verified at its own cost, whatever today's is */
	assert_int_equal(password_verify(hash, pw, n, &more), PASSWORD_OK);
}

static void
test_limits(void **state)
{
	char pw[PASSWORD_BYTES_MAX + 1], hash[PASSWORD_HASH_SIZE];
	const struct password_cost bad = {0, 0};

	(void)state;
	memset(pw, 'x', sizeof(pw));
	assert_int_equal(
	    password_hash(pw, sizeof(pw), &cheap, hash), PASSWORD_LONG);
	assert_int_equal(
	    password_hash(pw, sizeof(pw) - 1, &cheap, hash), PASSWORD_OK);
	assert_int_equal(
	    password_verify(hash, pw, sizeof(pw) - 1, &cheap), PASSWORD_OK);
	/* not cut to what was hashed */
	assert_int_equal(
	    password_verify(hash, pw, sizeof(pw), &cheap), PASSWORD_WRONG);
	assert_int_equal(password_hash("x", 1, &bad, hash), PASSWORD_NOMEM);
	assert_int_equal(password_verify(NULL, "x", 1, &bad), PASSWORD_NOMEM);
}

static int64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* CPU time that a wrong password costs, in microseconds. */
static int64_t
cost_of(const char *hash, const struct password_cost *cost)
{
	int64_t start = cpu_us();

	assert_int_equal(
	    password_verify(hash, "wrong", 5, cost), PASSWORD_WRONG);
	return cpu_us() - start;
}

/* A hash left out, or one of another cost, differs by far more than four
 * times; machines alone were seen to differ by a third. */
static void
test_unknown_user_costs_the_same(void **state)
{
	const struct password_cost cost = {4096, 2};
	char hash[PASSWORD_HASH_SIZE];
	int64_t known = INT64_MAX, unknown = INT64_MAX;

	(void)state;
	assert_int_equal(password_hash("right", 5, &cost, hash), PASSWORD_OK);
	for (int i = 0; i < 5; i++) {
		int64_t spent = cost_of(hash, &cost);
		known = spent < known ? spent : known;
		spent = cost_of(NULL, &cost);
		unknown = spent < unknown ? spent : unknown;
	}
	assert_true(unknown > known / 4 && unknown < known * 4);
	assert_int_equal(
	    password_verify(NULL, "right", 5, &cheap), PASSWORD_WRONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_check_new),
	    cmocka_unit_test(test_common_table),
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_unknown_user_costs_the_same),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
