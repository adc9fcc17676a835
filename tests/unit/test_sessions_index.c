/* auth/sessions: the list of a user's sessions stays short, and complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/sessions_index.h"

#include "sessions_fixture.h"

struct sizes {
	size_t sessions, index;
};

static int
sort_key(void *arg, const void *one, size_t key_len, const void *value,
    size_t value_len)
{
	struct sizes *n = arg;

	(void)value;
	(void)value_len;
	if (sessions_is_key(one, key_len))
		n->sessions++;
	else
		n->index++;
	return 0;
}

static struct sizes
sizes(void)
{
	struct sizes n = {0, 0};

	assert_int_equal(
	    store_each(sessions_store(reader), sort_key, &n), STORE_OK);
	return n;
}

static size_t
count_of(const char *user)
{
	size_t n = 0;

	assert_int_equal(
	    sessions_each_of(reader, user, count_one, &n), STORE_OK);
	return n;
}

static int
first_one(void *arg, const char *one, const struct record_session *r)
{
	(void)one;
	assert_string_equal(r->user, arg);
	return 1;
}

static void
test_each_of(void **state)
{
	char ended[SESSIONS_KEY_SIZE], name[] = "bob";

	(void)state;
	assert_int_equal(count_of("bob"), 0);
	begin("bob");
	clock_manual_advance(&manual, (IDLE_S - 1) * INT64_C(1000));
	for (int i = 0; i < 40; i++)
		begin(i % 2 == 0 ? "Alice" : "bob");
	memcpy(ended, key, sizeof(ended));
	assert_int_equal(count_of("bob"), 21);
	assert_int_equal(count_of("Alice"), 20);
	/* Any case of the name; of nobody; ended; over. */
	assert_int_equal(count_of("BOB"), 21);
	assert_int_equal(count_of("carol"), 0);
	assert_int_equal(sessions_end(sessions, ended), STORE_OK);
	assert_int_equal(count_of("bob"), 20);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(count_of("bob"), 19);
	/* The visitor may stop. */
	assert_int_equal(
	    sessions_each_of(reader, "bob", first_one, name), STORE_OK);
	assert_int_equal(
	    sessions_each_of(reader, "not a name", count_one, &(size_t){0}),
	    STORE_OK);
}

static void
test_cap(void **state)
{
	struct sessions_new new = new_for("bob");
	char tokens[6][TOKEN_SIZE];

	(void)state;
	begin("Alice");
	new.cap = 3;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
		    sessions_begin(sessions, users, &new, HASH, tokens[i]),
		    STORE_OK);
		/* Alice's one, and at most three of bob's */
		assert_int_equal(count(), 1 + (i < 3 ? i + 1 : 3));
		clock_manual_advance(&manual, 1000);
	}
	assert_int_equal(validate(reader, tokens[0]), SESSIONS_UNKNOWN);
	assert_int_equal(validate(reader, tokens[1]), SESSIONS_UNKNOWN);
	for (int i = 2; i < 5; i++)
		assert_int_equal(validate(reader, tokens[i]), SESSIONS_VALID);
	/* the others' do not count, nor do ended ones */
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(sessions_validate(reader, tokens[3], strlen(tokens[3]),
			     NULL, key, NULL),
	    SESSIONS_VALID);
	assert_int_equal(sessions_end(sessions, key), STORE_OK);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, tokens[5]), STORE_OK);
	assert_int_equal(validate(reader, tokens[2]), SESSIONS_VALID);
	/* a smaller cap ends what is too many */
	new.cap = 1;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(count(), 2);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, tokens[5]), SESSIONS_UNKNOWN);
	/* expired ones take no place */
	new.cap = 2;
	clock_manual_advance(&manual, IDLE_S * 1000);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, tokens[0]), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, tokens[0]), SESSIONS_VALID);
}

/* The list of a user who comes and goes stays short, and complete. */
static void
test_index(void **state)
{
	char living[40][TOKEN_SIZE];
	size_t n = 0, ended;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		begin("bob");
		if (i % 25 == 0)
			memcpy(living[n++], token, sizeof(token));
		else
			assert_int_equal(sessions_end(sessions, key), STORE_OK);
	}
	assert_int_equal(n, 40);
	assert_int_equal(sizes().sessions, 40);
	/* a head, and chunks of 16 for 40 living ones, at most doubled */
	assert_in_range(sizes().index, 4, 12);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(validate(reader, living[i]), SESSIONS_VALID);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 40);
	assert_int_equal(sizes().sessions, 0);
	assert_int_equal(sizes().index, 0);

	/* all of them living */
	for (int i = 0; i < 200; i++)
		begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 200);
	assert_int_equal(sizes().index, 0);
}

/* Of one session after the other there is never more than a chunk. */
static void
test_index_of_one_at_a_time(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		begin("bob");
		assert_int_equal(sizes().index, 2);
		assert_int_equal(sessions_end(sessions, key), STORE_OK);
	}
	assert_int_equal(sizes().sessions, 0);
}

/*
 * A list that cannot be read is never "nothing to end": it is done without,
 * and the next list is whole.
 */
static void
test_index_damaged(void **state)
{
	static const char *const tails[] = {"", ":0", ":1"};
	struct store *store = sessions_store(sessions);
	const struct sessions_new new = new_for("bob");
	char record[SESSIONS_INDEX_LEN + 8], other[TOKEN_SIZE];
	size_t ended;

	(void)state;
	begin("Alice");
	memcpy(other, token, sizeof(token));
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		for (int j = 0; j < 20; j++)
			begin("bob");
		assert_int_equal(sessions_index_of("bob", record), 0);
		strcat(record, tails[i]);
		size_t n = strlen(record);
		assert_int_equal(store_get(store, record, n, NULL), STORE_OK);
		assert_int_equal(store_begin(store), STORE_OK);
		assert_int_equal(
		    store_put(store, record, n, "v=2", 3), STORE_OK);
		assert_int_equal(store_commit(store), STORE_OK);
		char unused[TOKEN_SIZE];
		if (strcmp(tails[i], ":0") != 0)
			assert_int_equal(
			    sessions_begin(sessions, users, &new, HASH, unused),
			    STORE_CORRUPT);
		assert_int_equal(count_of("bob"), 20);
		assert_int_equal(
		    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
		assert_int_equal(ended, 20);
		assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
		assert_int_equal(validate(reader, other), SESSIONS_VALID);
		assert_int_equal(count(), 1);
		begin("bob");
		assert_int_equal(
		    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
		assert_int_equal(ended, 1);
	}
}

/* He who sets a new password stays signed in, and can sign in elsewhere. */
static void
test_index_damaged_but_one_stays(void **state)
{
	struct store *store = sessions_store(sessions);
	const struct sessions_new new = new_for("bob");
	char record[SESSIONS_INDEX_SIZE], other[TOKEN_SIZE];
	size_t ended;

	(void)state;
	for (int i = 0; i < 20; i++)
		begin("bob");
	assert_int_equal(sessions_index_of("bob", record), 0);
	assert_int_equal(store_begin(store), STORE_OK);
	assert_int_equal(
	    store_put(store, record, SESSIONS_INDEX_LEN, "v=2", 3), STORE_OK);
	assert_int_equal(store_commit(store), STORE_OK);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, other), STORE_CORRUPT);

	assert_int_equal(
	    sessions_end_user(sessions, "bob", key, &ended), STORE_OK);
	assert_int_equal(ended, 19);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, other), STORE_OK);
	assert_int_equal(count_of("bob"), 2);
	/* The one that stayed is in the new list. */
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 2);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
}

static void
test_maintain(void **state)
{
	struct store_stats stats;
	char first[TOKEN_SIZE];

	(void)state;
	begin("Alice");
	for (int i = 0; i < 30; i++)
		begin("bob");
	clock_manual_advance(&manual, ABSOLUTE_S * 1000);
	begin("Alice");
	memcpy(first, token, sizeof(first));
	assert_int_equal(sizes().sessions, 32);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	assert_int_equal(sizes().sessions, 32);
	/* a journal long enough that a checkpoint pays */
	for (int i = 0; i < 400; i++) {
		begin("Alice");
		assert_int_equal(sessions_end(sessions, key), STORE_OK);
	}
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	assert_int_equal(
	    store_stats(sessions_store(sessions), &stats), STORE_OK);
	assert_true(stats.generation > 1);
	assert_int_equal(sizes().sessions, 1);
	/* bob's list is gone with his sessions, Alice's is not */
	char head[SESSIONS_INDEX_SIZE];
	assert_int_equal(sessions_index_of("bob", head), 0);
	assert_int_equal(
	    store_get(sessions_store(reader), head, SESSIONS_INDEX_LEN, NULL),
	    STORE_NOTFOUND);
	assert_int_equal(sessions_index_of("Alice", head), 0);
	assert_int_equal(
	    store_get(sessions_store(reader), head, SESSIONS_INDEX_LEN, NULL),
	    STORE_OK);
	assert_in_range(sizes().index, 2, 5);
	assert_int_equal(validate(reader, first), SESSIONS_VALID);
	assert_int_equal(validate(sessions, first), SESSIONS_VALID);
	begin("bob");
	begin("Alice");
	size_t ended;
	assert_int_equal(
	    sessions_end_user(sessions, "Alice", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 2);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_each_of),
	    CASE(test_cap),
	    CASE(test_index),
	    CASE(test_index_of_one_at_a_time),
	    CASE(test_index_damaged),
	    CASE(test_index_damaged_but_one_stays),
	    CASE(test_maintain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
