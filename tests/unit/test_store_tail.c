/* The end of the journal: what is torn is cut, what is damaged is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/journal.h"
#include "store/store.h"

#include "store_fixture.h"

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
	struct store *w = fixture_open(fx, true);
	fixture_append(fx, "journal.1", b.data, b.len);
	long end = fixture_size(fx, "journal.1");
	assert_int_equal(fixture_try(fx), STORE_CORRUPT);
	/* However often: nothing is written behind what nobody can read. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_refresh(r), STORE_CORRUPT);
		assert_int_equal(store_begin(w), STORE_CORRUPT);
	}
	assert_int_equal(fixture_size(fx, "journal.1"), end);
	store_close(r);
	store_close(w);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(a_torn_tail_is_left_alone_and_then_cut),
	    FIXTURE_TEST(garbage_at_the_end_is_a_torn_tail),
	    FIXTURE_TEST(a_flip_in_the_middle_is_damage),
	    FIXTURE_TEST(one_record_a_process_is_protected_too),
	    FIXTURE_TEST(a_whole_record_of_nonsense_is_damage),
	    FIXTURE_TEST(a_journal_that_shrinks_is_not_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
