/* A store in the place of a damaged one: all of it or what there was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include "store_fixture.h"

#include "store_faults.h"

#include <sys/wait.h>

/* gdbm 1.23 leaks its buffers when it cannot write a new file's beginning. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:gdbm_fd_open\n";
}

static enum store_err
fill(void *arg, struct store_content *c)
{
	const char *value = arg;
	enum store_err err = store_add(c, "a", 1, value, strlen(value));
	return err == STORE_OK ? store_add(c, "b", 1, value, strlen(value))
			       : err;
}

static enum store_err
rebuild(struct fixture *fx, store_fill *fn, char *value)
{
	return store_rebuild(fx->dir, 200, fn, value, &fx->detail);
}

/* The whole name of the one file that begins like that. */
static int
find(struct fixture *fx, const char *prefix, char name[static 256])
{
	int n = 0;
	DIR *d = opendir(fx->dir);
	const struct dirent *e;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(name, 256, "%s", e->d_name);
		n++;
	}
	closedir(d);
	return n;
}

static void
damaged_base(struct fixture *fx)
{
	fixture_flip(fx, "base.gdbm", 100);
}

static void
damaged_journal(struct fixture *fx)
{
	fixture_flip(fx, "journal.2", 20);
}

static void
no_journal(struct fixture *fx)
{
	assert_int_equal(unlink(fixture_path(fx, "journal.2")), 0);
}

static void
no_base(struct fixture *fx)
{
	assert_int_equal(unlink(fixture_path(fx, "base.gdbm")), 0);
}

static void (*const damages[])(struct fixture *) = {
    damaged_base, damaged_journal, no_journal, no_base};

static void
readers_and_writers_take_it_up(void **state)
{
	struct fixture *fx = *state;
	char name[256];
	for (size_t i = 0; i < 4; i++) {
		struct store *w = fixture_open(fx, true);
		assert_int_equal(fixture_put(w, "gone", "1"), STORE_OK);
		assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
		struct store *r = fixture_open(fx, false);
		assert_get(fx, r, "gone", "1");
		damages[i](fx);
		assert_int_equal(fixture_try(fx), STORE_CORRUPT);
		uint64_t before = 0;
		for (uint64_t n = 1; n < 9; n++) {
			snprintf(name, sizeof(name), "journal.%d", (int)n);
			if (fixture_size(fx, name) != -1)
				before = n;
		}

		assert_int_equal(rebuild(fx, fill, (char[]){"new"}), STORE_OK);
		struct store *fresh = fixture_open(fx, false);
		assert_true(fixture_generation(fresh) > before);
		usleep(25000); /* 20 ms is when a reader looks by itself */
		struct store *all[] = {fresh, r, w};
		for (size_t j = 0; j < 3; j++) {
			assert_get(fx, all[j], "a", "new");
			assert_get(fx, all[j], "gone", "-");
		}
		assert_int_equal(fixture_put(w, "a", "newer"), STORE_OK);
		assert_get(fx, r, "a", "newer");
		assert_get(fx, fresh, "a", "newer");
		assert_int_equal(find(fx, "base.gdbm.damaged-", name),
		    damages[i] == no_base ? 0 : 1);
		store_close(fresh);
		store_close(r);
		store_close(w);
		fixture_empty(fx->dir);
		rmdir(fx->dir);
		store_create(fx->dir, 02750, NULL);
	}
}

static void
keeps_what_there_was(void **state)
{
	struct fixture *fx = *state;
	char base[256], journal[256];
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "a", "old");
	store_close(w);
	long size = fixture_size(fx, "journal.1");
	damaged_base(fx);
	assert_int_equal(rebuild(fx, NULL, NULL), STORE_OK);
	assert_int_equal(fixture_size(fx, "journal.1"), -1);
	assert_int_equal(find(fx, "base.gdbm.damaged-", base), 1);
	assert_int_equal(find(fx, "journal.1.damaged-", journal), 1);
	assert_int_equal(fixture_size(fx, journal), size);
	struct store *r = fixture_open(fx, false);
	assert_get(fx, r, "a", "-");
	store_close(r);

	/* By hand, what was kept can be had again. */
	assert_int_equal(unlink(fixture_path(fx, "journal.2")), 0);
	fixture_rename(fx, base, "base.gdbm");
	fixture_rename(fx, journal, "journal.1");
	damaged_base(fx); /* flips it back */
	r = fixture_open(fx, false);
	assert_get(fx, r, "a", "old");
	store_close(r);
}

static enum store_err
give_up(void *arg, struct store_content *c)
{
	(void)arg;
	assert_int_equal(store_add(c, "a", 1, "1", 1), STORE_OK);
	return STORE_DENIED;
}

static void
waits_for_no_writer(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	assert_int_equal(store_begin(w), STORE_OK);
	damaged_base(fx);
	assert_int_equal(rebuild(fx, fill, (char[]){"1"}), STORE_BUSY);
	assert_non_null(strstr(buf_str(&fx->detail), "/lock: "));
	store_abort(w);
	assert_int_equal(rebuild(fx, give_up, NULL), STORE_DENIED);
	assert_int_equal(fixture_size(fx, "base.new"), -1);
	assert_int_equal(fixture_try(fx), STORE_CORRUPT);
	store_close(w);
	assert_int_equal(
	    store_rebuild("/nonexistent/store", 0, fill, NULL, &fx->detail),
	    STORE_MISSING);
}

/* Damaged as before and with every byte of it still there, or all new. */
static void
strike_at_every_step(struct fixture *fx, enum fault_kind kind)
{
	char value[] = "new", name[256];
	for (long nth = 1;; nth++) {
		struct store *w = fixture_open(fx, true);
		fixture_put(w, "a", "old");
		store_close(w);
		damaged_base(fx);
		long size = fixture_size(fx, "base.gdbm");
		int status = 0;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			fault_arm(kind, nth, ENOSPC, NULL);
			enum store_err err = rebuild(fx, fill, value);
			bool has_struck = fault_has_struck();
			fault_disarm();
			_exit(!has_struck ? err != STORE_OK
					  : 2 + (err == STORE_OK));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		enum store_err err = fixture_try(fx);
		assert_true(err == STORE_OK || err == STORE_CORRUPT);
		if (err == STORE_CORRUPT) {
			assert_int_equal(fixture_size(fx, "base.gdbm"), size);
			assert_true(fixture_size(fx, "journal.1") > 64);
			assert_int_equal(rebuild(fx, fill, value), STORE_OK);
		}
		assert_true(find(fx, "base.gdbm.damaged-", name) > 0);
		assert_int_equal(fixture_size(fx, name), size);
		assert_true(find(fx, "journal.1.damaged-", name) > 0);
		struct store *r = fixture_open(fx, false);
		assert_get(fx, r, "a", value);
		assert_get(fx, r, "b", value);
		store_close(r);
		if (WIFEXITED(status) && WEXITSTATUS(status) < 2) {
			assert_int_equal(WEXITSTATUS(status), 0);
			assert_true(nth > 10);
			break;
		}
		assert_true(nth < 200);
		fixture_empty(fx->dir);
		rmdir(fx->dir);
		store_create(fx->dir, 02750, NULL);
	}
}

static void
killed_at_every_step(void **state)
{
	strike_at_every_step(*state, FAULT_KILL);
}

static void
failing_at_every_step(void **state)
{
	strike_at_every_step(*state, FAULT_ERROR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(readers_and_writers_take_it_up),
	    FIXTURE_TEST(keeps_what_there_was),
	    FIXTURE_TEST(waits_for_no_writer),
	    FIXTURE_TEST(killed_at_every_step),
	    FIXTURE_TEST(failing_at_every_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
