/* The store when all is well: creation, transactions, readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include "store_fixture.h"

#include <time.h>

static mode_t
mode_of(struct fixture *fx, const char *name)
{
	struct stat st;
	assert_return_code(stat(fixture_path(fx, name), &st), 0);
	return st.st_mode & 07777;
}

static void
create_makes_an_empty_store_once(void **state)
{
	struct fixture *fx = *state;
	assert_int_equal(mode_of(fx, ""), 02750);
	assert_int_equal(mode_of(fx, "base.gdbm"), 0640);
	assert_int_equal(mode_of(fx, "journal.1"), 0640);
	/* The group may read the store but not hold its locks. */
	assert_int_equal(mode_of(fx, "lock"), 0600);
	struct store *w = fixture_open(fx, true);
	assert_int_equal(fixture_put(w, "k", "v"), STORE_OK);
	assert_int_equal(store_create(fx->dir, 0700, NULL), STORE_OK);
	assert_int_equal(mode_of(fx, ""), 02750);
	assert_get(fx, w, "k", "v");
	store_close(w);
}

static void
create_does_not_bury_what_is_left_of_a_store(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	assert_int_equal(fixture_put(w, "k", "v"), STORE_OK);
	store_close(w);
	unlink(fixture_path(fx, "base.gdbm"));
	struct buf detail = BUF_INIT;
	assert_int_equal(store_create(fx->dir, 02750, &detail), STORE_CORRUPT);
	assert_non_null(strstr(buf_str(&detail), "base.gdbm: missing"));
	buf_fini(&detail);
	assert_int_equal(fixture_try(fx), STORE_CORRUPT);
	assert_non_null(strstr(buf_str(&fx->detail), "base.gdbm: missing"));
	/* An empty first journal is what a killed create leaves. */
	assert_return_code(truncate(fixture_path(fx, "journal.1"), 64), 0);
	assert_int_equal(store_create(fx->dir, 02750, NULL), STORE_OK);
	assert_int_equal(fixture_try(fx), STORE_OK);
}

static void
reads_what_was_written(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	assert_get(fx, r, "k", "-");
	assert_int_equal(fixture_put(w, "k", "one"), STORE_OK);
	assert_get(fx, w, "k", "one");
	assert_get(fx, r, "k", "one");
	assert_int_equal(fixture_put(w, "k", "two, longer"), STORE_OK);
	assert_get(fx, r, "k", "two, longer");
	assert_int_equal(fixture_put(w, "k", ""), STORE_OK);
	assert_get(fx, r, "k", "");
	assert_int_equal(fixture_del(w, "k"), STORE_OK);
	assert_get(fx, r, "k", "-");
	assert_int_equal(fixture_del(w, "never was"), STORE_OK);
	store_close(w);
	store_close(r);
	r = fixture_open(fx, false);
	assert_get(fx, r, "k", "-");
	store_close(r);
}

static void
limits_are_the_headers(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	static char big[STORE_VALUE_MAX + 1];
	memset(big, 'x', sizeof(big));
	assert_int_equal(store_begin(w), STORE_OK);
	assert_int_equal(store_put(w, "", 0, "v", 1), STORE_INVALID);
	assert_int_equal(store_put(w, "!meta", 5, "v", 1), STORE_INVALID);
	assert_int_equal(store_del(w, "!meta", 5), STORE_INVALID);
	assert_int_equal(
	    store_put(w, big, STORE_KEY_MAX + 1, "v", 1), STORE_INVALID);
	assert_int_equal(
	    store_put(w, "k", 1, big, STORE_VALUE_MAX + 1), STORE_INVALID);
	assert_int_equal(
	    store_put(w, big, STORE_KEY_MAX, big, STORE_VALUE_MAX), STORE_OK);
	assert_int_equal(store_commit(w), STORE_OK);
	assert_int_equal(store_get(w, "!meta", 5, &fx->value), STORE_INVALID);
	assert_int_equal(store_get(w, "", 0, &fx->value), STORE_INVALID);
	assert_int_equal(
	    store_get(w, big, STORE_KEY_MAX, &fx->value), STORE_OK);
	assert_int_equal(fx->value.len, STORE_VALUE_MAX);
	/* A transaction of all that fits, and one that does not. */
	assert_int_equal(store_begin(w), STORE_OK);
	enum store_err err = STORE_OK;
	int n = 0;
	for (; n < 1100 && err == STORE_OK; n++) {
		char key[8];
		snprintf(key, sizeof(key), "k%d", n);
		err = store_put(w, key, strlen(key), big, STORE_VALUE_MAX);
	}
	assert_int_equal(err, STORE_INVALID);
	assert_int_equal(store_commit(w), STORE_OK);
	store_close(w);
	struct store *r = fixture_open(fx, false);
	struct store_stats stats;
	assert_int_equal(store_stats(r, &stats), STORE_OK);
	assert_int_equal(stats.records, n); /* n - 1 and the first */
	store_close(r);
}

static void
order_of_calls_is_checked(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	assert_int_equal(store_begin(r), STORE_READONLY);
	assert_int_equal(store_checkpoint(r, NULL, NULL), STORE_READONLY);
	assert_int_equal(store_put(w, "k", 1, "v", 1), STORE_INVALID);
	assert_int_equal(store_del(w, "k", 1), STORE_INVALID);
	assert_int_equal(store_commit(w), STORE_INVALID);
	assert_int_equal(store_begin(w), STORE_OK);
	assert_int_equal(store_begin(w), STORE_INVALID);
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_INVALID);
	assert_int_equal(store_commit(w), STORE_OK); /* of nothing */
	assert_int_equal(fixture_size(fx, "journal.1"), 64);
	store_abort(w); /* of nothing */
	store_close(w);
	store_close(r);
	store_close(NULL);
}

static void
a_transaction_is_seen_whole_or_not(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	assert_int_equal(fixture_put(w, "old", "1"), STORE_OK);
	assert_int_equal(store_begin(w), STORE_OK);
	assert_int_equal(store_put(w, "a", 1, "1", 1), STORE_OK);
	assert_int_equal(store_put(w, "b", 1, "2", 1), STORE_OK);
	assert_int_equal(store_del(w, "old", 3), STORE_OK);
	assert_get(fx, w, "a", "1");
	assert_get(fx, w, "old", "-");
	assert_get(fx, r, "a", "-");
	assert_get(fx, r, "old", "1");
	store_abort(w);
	assert_get(fx, w, "a", "-");
	assert_get(fx, w, "old", "1");
	assert_int_equal(store_begin(w), STORE_OK);
	assert_get(fx, w, "a", "-");
	assert_int_equal(store_put(w, "a", 1, "1", 1), STORE_OK);
	assert_int_equal(store_put(w, "b", 1, "2", 1), STORE_OK);
	long start = fixture_size(fx, "journal.1");
	assert_int_equal(store_publish(w), STORE_OK);
	/* Published, not yet synced: others see it already. */
	assert_get(fx, r, "b", "2");
	assert_int_equal(store_sync(w), STORE_OK);
	/* Cut anywhere, the record counts for nothing. */
	long end = fixture_size(fx, "journal.1");
	store_close(w);
	store_close(r);
	for (long size = end - 1; size >= start; size--) {
		assert_return_code(
		    truncate(fixture_path(fx, "journal.1"), size), 0);
		r = fixture_open(fx, false);
		assert_get(fx, r, "a", "-");
		assert_get(fx, r, "b", "-");
		assert_get(fx, r, "old", "1");
		store_close(r);
	}
}

static void
one_writer_at_a_time(void **state)
{
	struct fixture *fx = *state;
	struct store *a = fixture_open(fx, true);
	struct store *b = fixture_open(fx, true);
	struct timespec from, to;
	assert_int_equal(store_begin(a), STORE_OK);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(store_begin(b), STORE_BUSY);
	clock_gettime(CLOCK_MONOTONIC, &to);
	double s = (double)(to.tv_sec - from.tv_sec) +
	    (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	assert_true(s >= 0.199 && s < 5);
	assert_non_null(strstr(store_detail(b), "/lock: "));
	assert_int_equal(store_put(a, "k", 1, "a", 1), STORE_OK);
	assert_int_equal(store_publish(a), STORE_OK);
	/* Free after publish: the sync is not under the lock. */
	assert_int_equal(store_begin(b), STORE_OK);
	assert_get(fx, b, "k", "a");
	store_close(b); /* ends transaction and lock */
	assert_int_equal(store_sync(a), STORE_OK);
	assert_int_equal(fixture_put(a, "k", "b"), STORE_OK);
	store_close(a);
}

static int
collect(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	buf_printf(arg, "%.*s=%.*s ", (int)key_len, (const char *)key,
	    (int)value_len, (const char *)value);
	return 0;
}

static int
stop(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)key, (void)key_len, (void)value, (void)value_len;
	++*(int *)arg;
	return 1;
}

static void
each_shows_one_state(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	int n = 0;
	fixture_put(w, "a", "1");
	fixture_put(w, "b", "2");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_del(w, "a");
	fixture_put(w, "b", "3");
	fixture_put(w, "c", "4");
	buf_reset(&fx->value);
	assert_int_equal(store_each(r, collect, &fx->value), STORE_OK);
	assert_string_equal(buf_str(&fx->value), "b=3 c=4 ");
	assert_int_equal(store_each(r, stop, &n), STORE_OK);
	assert_int_equal(n, 1);
	/* Inside a transaction, its own changes too. */
	assert_int_equal(store_begin(w), STORE_OK);
	store_del(w, "b", 1);
	store_put(w, "c", 1, "5", 1);
	store_put(w, "a", 1, "6", 1);
	buf_reset(&fx->value);
	assert_int_equal(store_each(w, collect, &fx->value), STORE_OK);
	assert_string_equal(buf_str(&fx->value), "c=5 a=6 ");
	store_abort(w);
	struct store_stats stats;
	assert_int_equal(store_stats(r, &stats), STORE_OK);
	assert_int_equal(stats.records, 2);
	assert_int_equal(stats.generation, 2);
	assert_int_equal(stats.journal_bytes, fixture_size(fx, "journal.2"));
	assert_int_equal(stats.base_bytes, fixture_size(fx, "base.gdbm"));
	store_close(w);
	store_close(r);
}

static void
note(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	if (key == NULL)
		buf_puts(arg, "* ");
	else if (value == NULL)
		buf_printf(arg, "-%.*s ", (int)key_len, (const char *)key);
	else
		buf_printf(arg, "%.*s=%.*s ", (int)key_len, (const char *)key,
		    (int)value_len, (const char *)value);
}

static void
the_observer_sees_what_catching_up_sees(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	struct buf seen = BUF_INIT, own = BUF_INIT;
	fixture_put(w, "before", "1"); /* r has not caught up with it */
	store_set_observer(r, note, &seen);
	store_set_observer(w, note, &own);
	assert_int_equal(store_begin(w), STORE_OK);
	store_put(w, "a", 1, "1", 1);
	store_put(w, "e", 1, "", 0);
	store_del(w, "a", 1);
	assert_string_equal(buf_str(&own), "");
	assert_int_equal(store_commit(w), STORE_OK);
	assert_string_equal(buf_str(&own), "a=1 e= -a ");
	assert_int_equal(store_refresh(r), STORE_OK);
	assert_string_equal(buf_str(&seen), "before=1 a=1 e= -a ");
	assert_int_equal(store_refresh(r), STORE_OK);
	assert_string_equal(buf_str(&seen), "before=1 a=1 e= -a ");
	buf_reset(&seen);
	buf_reset(&own);
	fixture_put(w, "late", "1");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_del(w, "late");
	assert_int_equal(store_refresh(r), STORE_OK);
	assert_string_equal(buf_str(&seen), "late=1 * ");
	assert_string_equal(buf_str(&own), "late=1 * -late ");
	fixture_put(w, "z", "1");
	assert_get(fx, r, "z", "1"); /* get catches up too */
	assert_string_equal(buf_str(&seen), "late=1 * z=1 ");
	store_set_observer(r, NULL, NULL);
	fixture_put(w, "z", "2");
	assert_get(fx, r, "z", "2");
	assert_string_equal(buf_str(&seen), "late=1 * z=1 ");
	buf_fini(&seen);
	buf_fini(&own);
	store_close(w);
	store_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(create_makes_an_empty_store_once),
	    FIXTURE_TEST(create_does_not_bury_what_is_left_of_a_store),
	    FIXTURE_TEST(reads_what_was_written),
	    FIXTURE_TEST(limits_are_the_headers),
	    FIXTURE_TEST(order_of_calls_is_checked),
	    FIXTURE_TEST(a_transaction_is_seen_whole_or_not),
	    FIXTURE_TEST(one_writer_at_a_time),
	    FIXTURE_TEST(each_shows_one_state),
	    FIXTURE_TEST(the_observer_sees_what_catching_up_sees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
