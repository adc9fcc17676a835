/* The files of a store that are not what they must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include "store_fixture.h"

#include <sched.h>

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
	assert_int_equal(truncate(fixture_path(fx, name), 0), 0);
	fixture_append(fx, name, zeroes, (size_t)n);
}

static void
hurt_empty(struct fixture *fx, const char *name)
{
	assert_int_equal(truncate(fixture_path(fx, name), 0), 0);
}

static void
hurt_halve(struct fixture *fx, const char *name)
{
	assert_int_equal(
	    truncate(fixture_path(fx, name), fixture_size(fx, name) / 2), 0);
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
	assert_int_equal(symlink("elsewhere", fixture_path(fx, name)), 0);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(no_file_is_trusted),
	    FIXTURE_TEST(every_flipped_byte_of_a_base_is_found),
	    FIXTURE_TEST(a_base_changed_in_place_is_noticed_while_open),
	    FIXTURE_TEST(another_directory_in_its_place_is_taken_up),
	    FIXTURE_TEST(a_new_lock_file_is_taken_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
