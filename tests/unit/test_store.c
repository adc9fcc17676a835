/* The store: transactions, readers, damage, failing disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/journal.h"
#include "store/store.h"

#include "store_fixture.h"

#include "store_faults.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define assert_get(fx, s, key, value) \
	assert_string_equal(fixture_get(fx, s, key), value)

static int
setup(void **state)
{
	if (fixture_setup(state) == -1)
		return -1;
	struct fixture *fx = *state;
	return store_create(fx->dir, 02750, NULL) == STORE_OK ? 0 : -1;
}

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
	for (; n < 300 && err == STORE_OK; n++) {
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

/* --- tails -------------------------------------------------------------- */

/* The bytes of one put as the next record of journal.1. */
static void
make_record(struct fixture *fx, struct buf *b, const char *key,
    const char *value, uint64_t durable)
{
	uint64_t at = (uint64_t)fixture_size(fx, "journal.1");
	assert_int_equal(journal_record_begin(b), 0);
	assert_int_equal(
	    journal_put(b, key, strlen(key), value, strlen(value)), 0);
	assert_int_equal(journal_record_finish(b, 1, at, durable), 0);
}

static void
a_torn_tail_is_left_alone_and_then_cut(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct buf b = BUF_INIT;
	fixture_put(w, "k", "1");
	long whole = fixture_size(fx, "journal.1");
	make_record(fx, &b, "torn", "never finished", 0);
	for (size_t n = 1; n < b.len; n++) {
		struct store *r = fixture_open(fx, false);
		fixture_append(fx, "journal.1", b.data, n);
		struct store *fresh = fixture_open(fx, false);
		assert_get(fx, r, "torn", "-");
		assert_get(fx, fresh, "torn", "-");
		assert_get(fx, r, "k", "1");
		assert_get(fx, fresh, "k", "1");
		/* Either way it goes on: the rest arrives ... */
		fixture_append(fx, "journal.1", b.data + n, b.len - n);
		assert_get(fx, r, "torn", "never finished");
		assert_get(fx, fresh, "torn", "never finished");
		assert_return_code(
		    truncate(fixture_path(fx, "journal.1"), whole), 0);
		store_close(r);
		store_close(fresh);
	}
	/* ... or a writer cuts it: also by a record of the same size. */
	fixture_append(fx, "journal.1", b.data, b.len - 1);
	fixture_flip(fx, "journal.1", -1);
	fixture_append(fx, "journal.1", "x", 1);
	struct store *r = fixture_open(fx, false);
	long torn = fixture_size(fx, "journal.1");
	assert_get(fx, r, "k", "1");
	assert_int_equal(fixture_put(w, "torn", "quite finished"), STORE_OK);
	assert_int_equal(fixture_size(fx, "journal.1"), torn);
	assert_get(fx, r, "torn", "quite finished");
	store_close(r);
	/* A shorter one: the file gets smaller under the reader. */
	fixture_append(fx, "journal.1", b.data, b.len - 1);
	r = fixture_open(fx, false);
	torn = fixture_size(fx, "journal.1");
	assert_int_equal(fixture_put(w, "s", ""), STORE_OK);
	assert_true(fixture_size(fx, "journal.1") < torn);
	assert_get(fx, r, "s", "");
	assert_get(fx, r, "torn", "quite finished");
	store_close(r);
	store_close(w);
	buf_fini(&b);
}

static void
garbage_at_the_end_is_a_torn_tail(void **state)
{
	struct fixture *fx = *state;
	static const char *const tails[] = {"\1", "\377\377\377\377\377\377",
	    "\20\0\0\0 sixteen bytes and a few more of no meaning", "text"};
	static const char zeroes[5000];
	struct store *w = fixture_open(fx, true);
	for (size_t i = 0; i < 5; i++) {
		char value[8];
		snprintf(value, sizeof(value), "%zu", i);
		if (i < 4)
			fixture_append(fx, "journal.1", tails[i],
			    i == 2 ? 47 : strlen(tails[i]));
		else
			fixture_append(fx, "journal.1", zeroes, sizeof(zeroes));
		assert_int_equal(fixture_try(fx), STORE_OK);
		assert_int_equal(fixture_put(w, "k", value), STORE_OK);
		struct store *r = fixture_open(fx, false);
		assert_get(fx, r, "k", value);
		store_close(r);
	}
	store_close(w);
}

static void
a_flip_in_the_middle_is_damage(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "a", "1");
	fixture_put(w, "b", "2");
	long end = fixture_size(fx, "journal.1");
	fixture_put(w, "c", "3");
	for (long at = JOURNAL_HEADER_SIZE; at < end; at++) {
		fixture_flip(fx, "journal.1", at);
		assert_int_equal(fixture_try(fx), STORE_CORRUPT);
		assert_non_null(strstr(
		    buf_str(&fx->detail), "/journal.1: damaged at byte "));
		assert_non_null(
		    strstr(buf_str(&fx->detail), "gatecast store restore"));
		fixture_flip(fx, "journal.1", at);
	}
	/* In the header too. */
	for (long at = 0; at < JOURNAL_HEADER_SIZE; at++) {
		fixture_flip(fx, "journal.1", at);
		assert_int_equal(fixture_try(fx), STORE_CORRUPT);
		assert_non_null(strstr(buf_str(&fx->detail), "/journal.1: "));
		fixture_flip(fx, "journal.1", at);
	}
	assert_int_equal(fixture_try(fx), STORE_OK);
	store_close(w);
}

static void
one_record_a_process_is_protected_too(void **state)
{
	struct fixture *fx = *state;
	long ends[4];
	for (int i = 0; i < 4; i++) {
		struct store *w = fixture_open(fx, true);
		assert_int_equal(fixture_put(w, "k", "value"), STORE_OK);
		store_close(w);
		ends[i] = fixture_size(fx, "journal.1");
	}
	for (int i = 0; i < 3; i++) {
		fixture_flip(fx, "journal.1", ends[i] - 1);
		assert_int_equal(fixture_try(fx), STORE_CORRUPT);
		fixture_flip(fx, "journal.1", ends[i] - 1);
	}
}

static void
a_whole_record_of_nonsense_is_damage(void **state)
{
	struct fixture *fx = *state;
	struct buf b = BUF_INIT;
	assert_int_equal(journal_record_begin(&b), 0);
	assert_int_equal(buf_puts(&b, "\7nonsense"), 0);
	assert_int_equal(
	    journal_record_finish(&b, 1, JOURNAL_HEADER_SIZE, 0), 0);
	struct store *r = fixture_open(fx, false);
	fixture_append(fx, "journal.1", b.data, b.len);
	assert_int_equal(fixture_try(fx), STORE_CORRUPT);
	assert_int_equal(store_refresh(r), STORE_CORRUPT);
	store_close(r);
	buf_fini(&b);
}

static void
a_journal_that_shrinks_is_not_believed(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	fixture_put(w, "session", "1");
	long before = fixture_size(fx, "journal.1");
	fixture_del(w, "session");
	assert_get(fx, r, "session", "-");
	assert_return_code(truncate(fixture_path(fx, "journal.1"), before), 0);
	/* Not resurrected in those who know better. */
	assert_int_equal(store_get(r, "session", 7, &fx->value), STORE_CORRUPT);
	assert_non_null(strstr(store_detail(r), "/journal.1: is shorter"));
	assert_int_equal(store_begin(w), STORE_CORRUPT);
	store_close(w);
	store_close(r);
}

/* --- files that are not what they must be ------------------------------- */

struct damage {
	const char *name;
	void (*hurt)(struct fixture *fx, const char *name);
	enum store_err err;
};

static void
hurt_remove(struct fixture *fx, const char *name)
{
	unlink(fixture_path(fx, name));
}

static void
hurt_zero(struct fixture *fx, const char *name)
{
	static const char zeroes[65536];
	long n = fixture_size(fx, name);
	truncate(fixture_path(fx, name), 0);
	fixture_append(fx, name, zeroes, (size_t)n);
}

static void
hurt_empty(struct fixture *fx, const char *name)
{
	truncate(fixture_path(fx, name), 0);
}

static void
hurt_halve(struct fixture *fx, const char *name)
{
	truncate(fixture_path(fx, name), fixture_size(fx, name) / 2);
}

static void
hurt_dir(struct fixture *fx, const char *name)
{
	hurt_remove(fx, name);
	mkdir(fixture_path(fx, name), 0700);
}

static void
hurt_fifo(struct fixture *fx, const char *name)
{
	hurt_remove(fx, name);
	mkfifo(fixture_path(fx, name), 0600);
}

static void
hurt_symlink(struct fixture *fx, const char *name)
{
	fixture_rename(fx, name, "elsewhere");
	symlink("elsewhere", fixture_path(fx, name));
}

static void
no_file_is_trusted(void **state)
{
	struct fixture *fx = *state;
	static const struct damage all[] = {
	    {"base.gdbm", hurt_remove, STORE_CORRUPT},
	    {"base.gdbm", hurt_zero, STORE_CORRUPT},
	    {"base.gdbm", hurt_empty, STORE_CORRUPT},
	    {"base.gdbm", hurt_halve, STORE_CORRUPT},
	    {"base.gdbm", hurt_dir, STORE_DENIED},
	    {"base.gdbm", hurt_fifo, STORE_DENIED},
	    {"base.gdbm", hurt_symlink, STORE_DENIED},
	    {"journal.1", hurt_remove, STORE_CORRUPT},
	    {"journal.1", hurt_zero, STORE_CORRUPT},
	    {"journal.1", hurt_empty, STORE_CORRUPT},
	    {"journal.1", hurt_dir, STORE_DENIED},
	    {"journal.1", hurt_fifo, STORE_DENIED},
	    {"journal.1", hurt_symlink, STORE_DENIED},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		fixture_empty(fx->dir);
		assert_int_equal(store_create(fx->dir, 02750, NULL), STORE_OK);
		struct store *w = fixture_open(fx, true);
		assert_int_equal(fixture_put(w, "k", "v"), STORE_OK);
		struct store *r = fixture_open(fx, false);
		all[i].hurt(fx, all[i].name);
		assert_int_equal(fixture_try(fx), all[i].err);
		/* Names the place, and what to do. */
		assert_non_null(strstr(buf_str(&fx->detail), fx->dir));
		assert_true(
		    strstr(buf_str(&fx->detail), "base.gdbm: ") != NULL ||
		    strstr(buf_str(&fx->detail), "journal.1: ") != NULL);
		assert_true(strchr(buf_str(&fx->detail), ';') != NULL ||
		    strchr(buf_str(&fx->detail), '(') != NULL);
		/* Who holds the store open writes nothing into it; a
		 * journal of the same size is not looked into again. */
		if (all[i].hurt != hurt_zero)
			assert_int_not_equal(
			    fixture_put(w, "k", "x"), STORE_OK);
		store_close(w);
		store_close(r);
	}
	fixture_empty(fx->dir);
	assert_int_equal(fixture_try(fx), STORE_MISSING);
	rmdir(fx->dir);
	assert_int_equal(fixture_try(fx), STORE_MISSING);
	assert_non_null(strstr(buf_str(&fx->detail), "no such directory"));
	close(open(fx->dir, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(fixture_try(fx), STORE_DENIED);
	unlink(fx->dir);
}

static void
every_flipped_byte_of_a_base_is_found(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "k", "v");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	store_close(w);
	long n = fixture_size(fx, "base.gdbm");
	for (long at = 0; at < n; at += 61) {
		fixture_flip(fx, "base.gdbm", at);
		assert_int_equal(fixture_try(fx), STORE_CORRUPT);
		assert_non_null(
		    strstr(buf_str(&fx->detail), "/base.gdbm: damaged"));
		fixture_flip(fx, "base.gdbm", at);
	}
	assert_int_equal(fixture_try(fx), STORE_OK);
}

static void
a_base_changed_in_place_is_noticed_while_open(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "k", "v");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	struct store *r = fixture_open(fx, false);
	fixture_flip(fx, "base.gdbm", 5000);
	enum store_err err = STORE_OK;
	for (int i = 0; i < 100000 && err == STORE_OK; i++) {
		err = store_refresh(r);
		sched_yield();
	}
	assert_int_equal(err, STORE_CORRUPT);
	fixture_flip(fx, "base.gdbm", 5000);
	assert_get(fx, r, "k", "v"); /* and good again */
	store_close(w);
	store_close(r);
}

static void
another_directory_in_its_place_is_taken_up(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	char old[128];
	fixture_put(w, "k", "first");
	snprintf(old, sizeof(old), "%s/old", fx->root);
	assert_return_code(rename(fx->dir, old), 0);
	assert_int_equal(store_begin(w), STORE_MISSING);
	assert_int_equal(store_create(fx->dir, 02750, NULL), STORE_OK);
	struct store *other = fixture_open(fx, true);
	assert_int_equal(fixture_put(other, "k", "second"), STORE_OK);
	/* The same lock as everybody else's, too. */
	assert_int_equal(store_begin(other), STORE_OK);
	assert_int_equal(store_begin(w), STORE_BUSY);
	store_abort(other);
	assert_int_equal(fixture_put(w, "l", "by w"), STORE_OK);
	assert_get(fx, other, "l", "by w");
	const char *got = "first";
	for (int i = 0; i < 100000 && strcmp(got, "first") == 0; i++)
		got = fixture_get(fx, r, "k");
	assert_string_equal(got, "second");
	store_close(other);
	store_close(w);
	store_close(r);
	fixture_empty(old);
	rmdir(old);
}

static void
a_new_lock_file_is_taken_up(void **state)
{
	struct fixture *fx = *state;
	struct store *a = fixture_open(fx, true);
	unlink(fixture_path(fx, "lock"));
	struct store *b = fixture_open(fx, true);
	assert_int_equal(store_begin(b), STORE_OK);
	assert_int_equal(store_begin(a), STORE_BUSY);
	store_abort(b);
	assert_int_equal(store_begin(a), STORE_OK);
	assert_int_equal(store_begin(b), STORE_BUSY);
	store_close(a);
	store_close(b);
	unlink(fixture_path(fx, "lock"));
	mkfifo(fixture_path(fx, "lock"), 0600);
	struct store_opts opts = {.dir = fx->dir, .is_writer = true};
	assert_int_equal(store_open(&opts, &a, &fx->detail), STORE_DENIED);
	assert_non_null(strstr(buf_str(&fx->detail), "/lock: not a regular"));
}

/* --- failing disks ------------------------------------------------------ */

static void
a_failed_sync_is_no_acknowledgement(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	assert_int_equal(fixture_put(w, "a", "1"), STORE_OK);
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	assert_int_equal(fixture_put(w, "b", "1"), STORE_IO);
	fault_disarm();
	assert_non_null(strstr(store_detail(w), "/journal.1: cannot sync"));
	/* From then on it writes nothing, but it reads. */
	assert_int_equal(store_sync(w), STORE_IO);
	assert_int_equal(fixture_put(w, "c", "1"), STORE_READONLY);
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_READONLY);
	assert_get(fx, w, "a", "1");
	/* The lock is free: others go on. */
	struct store *other = fixture_open(fx, true);
	assert_int_equal(fixture_put(other, "d", "1"), STORE_OK);
	assert_get(fx, w, "d", "1");
	store_close(other);
	/* Nor is a store opened that cannot be made durable. */
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	struct store_opts opts = {
	    .dir = fx->dir, .is_writer = true, .has_sync = true};
	assert_int_equal(store_open(&opts, &other, &fx->detail), STORE_IO);
	fault_arm(FAULT_ERROR, 1, EIO, "fsync");
	assert_int_equal(store_open(&opts, &other, &fx->detail), STORE_IO);
	fault_disarm();
	store_close(w);
}

static void
without_sync_nothing_is_synced(void **state)
{
	struct fixture *fx = *state;
	struct store_opts opts = {
	    .dir = fx->dir, .is_writer = true, .lock_wait_ms = 100};
	struct store *w;
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	assert_int_equal(store_open(&opts, &w, &fx->detail), STORE_OK);
	assert_int_equal(fixture_put(w, "a", "1"), STORE_OK);
	assert_false(fault_has_struck());
	fault_disarm();
	store_close(w);
}

static void
a_failed_write_leaves_nothing_behind(void **state)
{
	struct fixture *fx = *state;
	static const struct {
		enum fault_kind kind;
		int error;
		enum store_err err;
	} faults[] = {
	    {FAULT_SHORT, 0, STORE_FULL},
	    {FAULT_ERROR, ENOSPC, STORE_FULL},
	    {FAULT_ERROR, EDQUOT, STORE_FULL},
	    {FAULT_ERROR, EFBIG, STORE_FULL},
	    {FAULT_ERROR, EIO, STORE_IO},
	};
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	assert_int_equal(fixture_put(w, "a", "1"), STORE_OK);
	long size = fixture_size(fx, "journal.1");
	for (size_t i = 0; i < 5; i++) {
		fault_arm(faults[i].kind, 1, faults[i].error, "pwrite");
		assert_int_equal(fixture_put(w, "a", "2"), faults[i].err);
		fault_disarm();
		assert_int_equal(fixture_size(fx, "journal.1"), size);
		assert_get(fx, w, "a", "1");
		assert_get(fx, r, "a", "1");
	}
	assert_int_equal(fixture_put(w, "a", "3"), STORE_OK);
	assert_get(fx, r, "a", "3");
	store_close(w);
	store_close(r);
}

static void
a_real_limit_shortens_a_write(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct rlimit old, tight;
	assert_int_equal(fixture_put(w, "a", "1"), STORE_OK);
	long size = fixture_size(fx, "journal.1");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	tight = old;
	tight.rlim_cur = (rlim_t)size + 10;
	assert_return_code(setrlimit(RLIMIT_FSIZE, &tight), 0);
	enum store_err err = fixture_put(w, "a", "2");
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(err, STORE_FULL);
	assert_int_equal(fixture_size(fx, "journal.1"), size);
	assert_int_equal(fixture_put(w, "a", "3"), STORE_OK);
	store_close(w);
}

/* On a file system of its own of 256 KiB; exit codes tell the line. */
#define CHECK(condition)                                                    \
	do {                                                                \
		if (!(condition)) {                                         \
			print_error("line %d: %s\n", __LINE__, #condition); \
			_exit(1);                                           \
		}                                                           \
	} while (0)

static void
fill_up(struct fixture *fx, size_t n)
{
	static const char bytes[4096];
	int fd = open(
	    fixture_path(fx, "filler"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	while (n > 0 && write(fd, bytes, n < 4096 ? n : 4096) > 0)
		continue;
	close(fd);
}

static void
reserve_child(struct fixture *fx)
{
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", fx->root, "tmpfs", 0, "size=256k") == -1)
		_exit(77);
	struct store_opts opts = {.dir = fx->dir,
	    .is_writer = true,
	    .has_sync = true,
	    .lock_wait_ms = 1000,
	    .reserve_bytes = 65536};
	struct store *w;
	CHECK(store_create(fx->dir, 0700, NULL) == STORE_OK);
	CHECK(store_open(&opts, &w, NULL) == STORE_OK);
	char key[32];
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "session %d", i);
		CHECK(fixture_put(w, key, "v") == STORE_OK);
	}
	CHECK(fixture_size(fx, "reserve") == 65536);
	fill_up(fx, SIZE_MAX);
	/* Puts fail as soon as the page at hand is full, deletes never. */
	enum store_err err = STORE_OK;
	for (int i = 0; i < 400 && err == STORE_OK; i++)
		err = fixture_put(w, "more", "v");
	CHECK(err == STORE_FULL);
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "session %d", i);
		CHECK(fixture_del(w, key) == STORE_OK);
	}
	CHECK(fixture_size(fx, "reserve") == -1);
	/* What the reserve freed is not for puts. */
	CHECK(fixture_put(w, "more", "v") == STORE_FULL);
	CHECK(strstr(store_detail(w), "/reserve: ") != NULL);
	CHECK(store_checkpoint(w, NULL, NULL) == STORE_FULL ||
	    fixture_size(fx, "journal.2") > 0);
	struct store_stats stats;
	CHECK(store_stats(w, &stats) == STORE_OK);
	CHECK(stats.records <= 1); /* "more", maybe */
	unlink(fixture_path(fx, "filler"));
	CHECK(fixture_put(w, "more", "v") == STORE_OK);
	CHECK(fixture_size(fx, "reserve") == 65536);
	store_close(w);
	buf_fini(&fx->value);
	buf_fini(&fx->detail);
	_exit(0);
}

static void
a_full_disk_still_takes_deletes(void **state)
{
	struct fixture *fx = *state;
	int status;
	pid_t pid = fork();
	if (pid == 0)
		reserve_child(fx);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("needs the right to mount a tmpfs\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- death at every step ------------------------------------------------ */

/* Exit status 0 once nothing struck; killed before that. */
static void
commit_child(struct fixture *fx, enum fault_kind kind, long nth, int ack)
{
	fault_arm(kind, nth, 0, NULL);
	struct store *w = fixture_open(fx, true);
	char key[32];
	snprintf(key, sizeof(key), "k%ld", nth);
	if (w == NULL || fixture_put(w, key, "1") != STORE_OK)
		_exit(2);
	fault_kind = FAULT_NONE;
	ssize_t n = write(ack, "p", 1);
	fault_kind = kind;
	if (n != 1 || fixture_del(w, key) != STORE_OK)
		_exit(2);
	fault_kind = FAULT_NONE;
	if (write(ack, "d", 1) != 1)
		_exit(2);
	_exit(0);
}

static void
killed_at_every_step_of_a_commit(void **state)
{
	struct fixture *fx = *state;
	for (int torn = 0; torn < 2; torn++) {
		struct store *r = fixture_open(fx, false);
		for (long nth = 1;; nth++) {
			int ack[2], status;
			char acked[3] = "";
			assert_return_code(pipe(ack), 0);
			fflush(NULL);
			pid_t pid = fork();
			if (pid == 0)
				commit_child(fx, torn ? FAULT_TORN : FAULT_KILL,
				    nth, ack[1]);
			close(ack[1]);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			ssize_t n = read(ack[0], acked, 2);
			close(ack[0]);
			assert_true(n >= 0);
			assert_true(
			    WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
			struct store *fresh = fixture_open(fx, false);
			assert_non_null(fresh);
			char key[32];
			snprintf(key, sizeof(key), "k%ld", nth);
			bool is_there = store_get(fresh, key, strlen(key),
					    NULL) == STORE_OK;
			/* The two never disagree. */
			assert_int_equal(store_get(r, key, strlen(key), NULL),
			    is_there ? STORE_OK : STORE_NOTFOUND);
			if (n == 2) /* both acknowledged */
				assert_false(is_there);
			store_close(fresh);
			if (WIFEXITED(status))
				break;
			assert_true(nth < 100);
			/* And the next writer goes on. */
			struct store *w = fixture_open(fx, true);
			assert_int_equal(
			    fixture_put(w, key, "again"), STORE_OK);
			assert_get(fx, r, key, "again");
			assert_int_equal(fixture_del(w, key), STORE_OK);
			store_close(w);
		}
		store_close(r);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(create_makes_an_empty_store_once),
	    TEST(create_does_not_bury_what_is_left_of_a_store),
	    TEST(reads_what_was_written),
	    TEST(limits_are_the_headers),
	    TEST(order_of_calls_is_checked),
	    TEST(a_transaction_is_seen_whole_or_not),
	    TEST(one_writer_at_a_time),
	    TEST(each_shows_one_state),
	    TEST(the_observer_sees_what_catching_up_sees),
	    TEST(a_torn_tail_is_left_alone_and_then_cut),
	    TEST(garbage_at_the_end_is_a_torn_tail),
	    TEST(a_flip_in_the_middle_is_damage),
	    TEST(one_record_a_process_is_protected_too),
	    TEST(a_whole_record_of_nonsense_is_damage),
	    TEST(a_journal_that_shrinks_is_not_believed),
	    TEST(no_file_is_trusted),
	    TEST(every_flipped_byte_of_a_base_is_found),
	    TEST(a_base_changed_in_place_is_noticed_while_open),
	    TEST(another_directory_in_its_place_is_taken_up),
	    TEST(a_new_lock_file_is_taken_up),
	    TEST(a_failed_sync_is_no_acknowledgement),
	    TEST(without_sync_nothing_is_synced),
	    TEST(a_failed_write_leaves_nothing_behind),
	    TEST(a_real_limit_shortens_a_write),
	    TEST(a_full_disk_still_takes_deletes),
	    TEST(killed_at_every_step_of_a_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
