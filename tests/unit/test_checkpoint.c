/* Generations: what a checkpoint keeps, drops and takes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/journal.h"
#include "store/store.h"

#include "store_fixture.h"

static void
keeps_what_is_live(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	char key[32];
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		assert_int_equal(fixture_put(w, key, key), STORE_OK);
	}
	for (int round = 0; round < 3; round++) {
		for (int i = round; i < 300; i += 7) {
			snprintf(key, sizeof(key), "key %d", i);
			assert_int_equal(fixture_del(w, key), STORE_OK);
		}
		assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
		assert_int_equal(fixture_generation(r), (uint64_t)round + 2);
		struct store *fresh = fixture_open(fx, false);
		for (int i = 0; i < 300; i++) {
			snprintf(key, sizeof(key), "key %d", i);
			const char *want = i % 7 <= round ? "-" : key;
			assert_get(fx, w, key, want);
			assert_get(fx, r, key, want);
			assert_get(fx, fresh, key, want);
		}
		store_close(fresh);
	}
	/* Nothing is left of the earlier ones. */
	assert_int_equal(fixture_size(fx, "journal.1"), -1);
	assert_int_equal(fixture_size(fx, "journal.3"), -1);
	assert_int_equal(fixture_size(fx, "journal.4"), JOURNAL_HEADER_SIZE);
	assert_int_equal(fixture_size(fx, "base.new"), -1);
	store_close(w);
	store_close(r);
}

static bool
is_odd(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)arg, (void)key, (void)key_len, (void)value_len;
	return (*(const char *)value - '0') % 2 == 1;
}

static void
drops_what_has_expired(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "a", "1");
	fixture_put(w, "b", "2");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_put(w, "c", "3");
	fixture_put(w, "d", "4");
	assert_int_equal(store_checkpoint(w, is_odd, NULL), STORE_OK);
	assert_get(fx, w, "a", "-");
	assert_get(fx, w, "b", "2");
	assert_get(fx, w, "c", "-");
	assert_get(fx, w, "d", "4");
	store_close(w);
}

struct meanwhile {
	struct fixture *fx;
	struct store *other;
	int calls;
	enum store_err second; /* what another checkpoint says */
};

static bool
do_meanwhile(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct meanwhile *m = arg;
	(void)key, (void)key_len, (void)value, (void)value_len;
	if (m->calls++ == 0) {
		/* The copy is being made, without W: others write. */
		assert_int_equal(fixture_put(m->other, "a", "9"), STORE_OK);
		assert_int_equal(fixture_del(m->other, "b"), STORE_OK);
		assert_int_equal(fixture_put(m->other, "new", "1"), STORE_OK);
		assert_int_equal(fixture_put(m->other, "x", "1"), STORE_OK);
		assert_int_equal(fixture_del(m->other, "x"), STORE_OK);
		m->second = store_checkpoint(m->other, NULL, NULL);
	}
	return false;
}

static void
takes_in_what_is_written_meanwhile(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct meanwhile m = {fx, fixture_open(fx, true), 0, STORE_OK};
	fixture_put(w, "a", "1");
	fixture_put(w, "b", "2");
	fixture_put(w, "c", "3");
	assert_int_equal(store_checkpoint(w, do_meanwhile, &m), STORE_OK);
	assert_int_equal(m.second, STORE_BUSY);
	struct store *fresh = fixture_open(fx, false);
	struct store *all[] = {w, m.other, fresh};
	for (size_t i = 0; i < 3; i++) {
		assert_get(fx, all[i], "a", "9");
		assert_get(fx, all[i], "b", "-");
		assert_get(fx, all[i], "c", "3");
		assert_get(fx, all[i], "new", "1");
		assert_get(fx, all[i], "x", "-");
		assert_int_equal(fixture_generation(all[i]), 2);
		store_close(all[i]);
	}
}

struct flood {
	struct store *other;
	int left; /* commits of 1 KiB still to be made */
};

static bool
do_flood(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct flood *f = arg;
	char name[16], big[1025];
	(void)key, (void)key_len, (void)value, (void)value_len;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (; f->left > 0; f->left--) {
		snprintf(name, sizeof(name), "k%d", f->left);
		assert_int_equal(fixture_put(f->other, name, big), STORE_OK);
	}
	return false;
}

static void
what_is_carried_over_must_be_whole(void **state)
{
	struct fixture *fx = *state;
	static const int commits[] = {1, 100}; /* under the lock; before it */
	for (uint64_t i = 0; i < 2; i++) {
		struct store *w = fixture_open(fx, true);
		struct flood f = {fixture_open(fx, true), commits[i]};
		char name[32];
		snprintf(name, sizeof(name), "journal.%d", (int)i + 2);
		fixture_put(w, "a", "1");
		assert_int_equal(store_checkpoint(w, do_flood, &f), STORE_OK);
		store_close(f.other);
		store_close(w);
		long size = fixture_size(fx, name);
		assert_true(size > commits[i] * 1024L);
		assert_int_equal(fixture_try(fx), STORE_OK);
		/* A flip in any of it, the last byte included. */
		for (long at = 1; at < size; at += 1 + size / 300) {
			fixture_flip(fx, name, size - at);
			assert_int_equal(fixture_try(fx), STORE_CORRUPT);
			assert_non_null(strstr(buf_str(&fx->detail), name));
			fixture_flip(fx, name, size - at);
		}
		/* Behind it a torn tail is nothing but that. */
		fixture_append(fx, name, "torn", 4);
		assert_int_equal(fixture_try(fx), STORE_OK);
		fixture_copy(fx, name, "whole");
		assert_return_code(
		    truncate(fixture_path(fx, name), size - 1), 0);
		assert_int_equal(fixture_try(fx), STORE_CORRUPT);
		fixture_rename(fx, "whole", name);
		struct store *r = fixture_open(fx, false);
		assert_int_equal(store_get(r, "k1", 2, NULL), STORE_OK);
		store_close(r);
	}
}

static void
a_base_damaged_since_is_not_accepted_by_those_who_saw_the_seal(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	fixture_put(w, "k", "v");
	assert_get(fx, r, "k", "v");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_flip(fx, "base.gdbm", -1);
	assert_int_equal(store_get(r, "k", 1, NULL), STORE_CORRUPT);
	assert_int_equal(fixture_try(fx), STORE_CORRUPT);
	fixture_flip(fx, "base.gdbm", -1);
	assert_get(fx, r, "k", "v");
	store_close(r);
	store_close(w);
}

static void
gives_up_when_the_writer_stays(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *other = fixture_open(fx, true);
	fixture_put(w, "k", "v");
	assert_int_equal(store_begin(other), STORE_OK);
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_BUSY);
	assert_int_equal(fixture_size(fx, "base.new"), -1);
	store_abort(other);
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	store_close(w);
	store_close(other);
}

static void
pays_when_the_journal_has_grown(void **state)
{
	struct fixture *fx = *state;
	static char big[STORE_VALUE_MAX];
	struct store *w = fixture_open(fx, true);
	int n = 0;
	for (; n < 100 && !store_wants_checkpoint(w); n++) {
		assert_int_equal(store_begin(w), STORE_OK);
		store_put(w, "k", 1, big, sizeof(big));
		assert_int_equal(store_commit(w), STORE_OK);
	}
	assert_in_range(n, 4, 5); /* 256 KiB */
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	assert_false(store_wants_checkpoint(w));
	assert_true(fixture_size(fx, "base.gdbm") < 3 * STORE_VALUE_MAX);
	/* Half of a larger base. */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_begin(w), STORE_OK);
		store_put(w, &i, sizeof(i), big, sizeof(big));
		assert_int_equal(store_commit(w), STORE_OK);
	}
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	for (n = 0; n < 100 && !store_wants_checkpoint(w); n++) {
		assert_int_equal(store_begin(w), STORE_OK);
		store_put(w, "k", 1, big, sizeof(big));
		assert_int_equal(store_commit(w), STORE_OK);
	}
	assert_in_range(n, 10, 12);
	store_close(w);
}

static void
a_stale_next_journal_is_not_adopted(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "k", "true");
	/* A killed checkpoint's journal.2, with a record valid in it. */
	struct journal_header h = {.generation = 2, .base_bytes = 1};
	uint8_t header[JOURNAL_HEADER_SIZE];
	struct buf b = BUF_INIT;
	journal_header_encode(&h, header);
	journal_record_begin(&b);
	journal_put(&b, "k", 1, "false", 5);
	journal_record_finish(&b, 2, JOURNAL_HEADER_SIZE, 0);
	fixture_append(fx, "journal.2", header, sizeof(header));
	fixture_append(fx, "journal.2", b.data, b.len);
	assert_get(fx, w, "k", "true");
	assert_int_equal(fixture_try(fx), STORE_OK);
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	assert_get(fx, w, "k", "true");
	struct store *fresh = fixture_open(fx, false);
	assert_get(fx, fresh, "k", "true");
	assert_int_equal(fixture_generation(fresh), 2);
	store_close(fresh);
	store_close(w);
	buf_fini(&b);
}

static void
an_old_base_with_the_present_journal_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "session", "1");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_copy(fx, "base.gdbm", "old");
	fixture_del(w, "session");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	struct store *r = fixture_open(fx, false);
	fixture_rename(fx, "old", "base.gdbm");
	assert_int_equal(fixture_try(fx), STORE_CORRUPT);
	assert_non_null(
	    strstr(buf_str(&fx->detail), "/base.gdbm: damaged, or"));
	assert_int_equal(store_begin(w), STORE_CORRUPT);
	store_close(w);
	store_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(keeps_what_is_live),
	    FIXTURE_TEST(drops_what_has_expired),
	    FIXTURE_TEST(takes_in_what_is_written_meanwhile),
	    FIXTURE_TEST(what_is_carried_over_must_be_whole),
	    FIXTURE_TEST(
		a_base_damaged_since_is_not_accepted_by_those_who_saw_the_seal),
	    FIXTURE_TEST(gives_up_when_the_writer_stays),
	    FIXTURE_TEST(pays_when_the_journal_has_grown),
	    FIXTURE_TEST(a_stale_next_journal_is_not_adopted),
	    FIXTURE_TEST(an_old_base_with_the_present_journal_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
