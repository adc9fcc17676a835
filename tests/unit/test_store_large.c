/* One transaction as large as an import, and lengths that promise more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/journal.h"
#include "store/store.h"

#include "store_fixture.h"
#include "tests/lib/offset.h"

#include <sys/syscall.h>

#define USERS 100000

/* The most that was ever asked of a file at once. */
static size_t asked;

ssize_t
pread(int fd, void *bytes, size_t n, off_t offset)
{
	if (n > asked)
		asked = n;
	return syscall(SYS_pread64, fd, bytes, n, SYSCALL_OFFSET(offset));
}

static void
user_key(int i, char key[static 80])
{
	snprintf(key, 80, "u:%064d", i);
}

static void
an_import_is_one_transaction(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	char key[80], value[240];
	memset(value, 'v', sizeof(value));
	assert_int_equal(store_begin(w), STORE_OK);
	for (int i = 0; i < USERS; i++) {
		user_key(i, key);
		assert_int_equal(
		    store_put(w, key, strlen(key), value, sizeof(value)),
		    STORE_OK);
	}
	assert_int_equal(store_get(r, key, strlen(key), NULL), STORE_NOTFOUND);
	assert_int_equal(store_commit(w), STORE_OK);
	long size = fixture_size(fx, "journal.1");
	assert_true(size > USERS * 300L);
	struct store *fresh = fixture_open(fx, false);
	struct store *all[] = {w, r, fresh};
	for (size_t s = 0; s < 3; s++)
		for (int i = 0; i < USERS; i += 999) {
			user_key(i, key);
			assert_int_equal(
			    store_get(all[s], key, strlen(key), &fx->value),
			    STORE_OK);
			assert_int_equal(fx->value.len, sizeof(value));
		}
	assert_true(asked <= (size_t)size);
	for (size_t i = 0; i < 3; i++)
		store_close(all[i]);
	/* Killed within the write: nothing of it, wherever it was. */
	for (long left = size - 1; left > 1000; left -= size / 7) {
		assert_return_code(
		    truncate(fixture_path(fx, "journal.1"), left), 0);
		assert_int_equal(fixture_try(fx), STORE_OK);
	}
	r = fixture_open(fx, false);
	assert_int_equal(store_get(r, key, strlen(key), NULL), STORE_NOTFOUND);
	store_close(r);
}

static void
no_length_makes_a_reader_allocate_more_than_there_is(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "k", "v");
	static const uint32_t lengths[] = {
	    1000, JOURNAL_BODY_MAX, JOURNAL_BODY_MAX + 1, UINT32_MAX};
	for (size_t i = 0; i < 4; i++) {
		uint8_t frame[JOURNAL_FRAME_SIZE] = {0};
		for (size_t b = 0; b < 4; b++)
			frame[b] = (uint8_t)(lengths[i] >> 8 * b);
		fixture_append(fx, "journal.1", frame, sizeof(frame));
		asked = 0;
		struct store *r = fixture_open(fx, false);
		assert_get(fx, r, "k", "v");
		assert_in_range(asked, 1, 65536);
		store_close(r);
	}
	assert_int_equal(fixture_put(w, "k", "2"), STORE_OK);
	store_close(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(an_import_is_one_transaction),
	    FIXTURE_TEST(no_length_makes_a_reader_allocate_more_than_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
