/* Other content for a store: the whole of it or nothing. */
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

/* "a" and "b" of that value, and nothing else. */
static enum store_err
fill(void *arg, struct store_content *c)
{
	const char *value = arg;
	enum store_err err = store_add(c, "a", 1, "first", 5);
	if (err == STORE_OK)
		err = store_add(c, "b", 1, value, strlen(value));
	if (err == STORE_OK) /* the last value counts */
		err = store_add(c, "a", 1, value, strlen(value));
	return err;
}

static void
note(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)key_len, (void)value, (void)value_len;
	if (key == NULL)
		(*(int *)arg)++;
}

static void
replaces_all_there_is(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *other = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	int changes = 0;
	store_set_observer(r, note, &changes);
	fixture_put(w, "a", "old");
	fixture_put(w, "gone", "1");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_put(w, "gone too", "1");
	assert_get(fx, r, "gone too", "1");
	changes = 0;
	assert_int_equal(store_replace(w, fill, (char[]){"new"}), STORE_OK);
	struct store *fresh = fixture_open(fx, false);
	struct store *all[] = {w, other, r, fresh};
	for (size_t i = 0; i < 4; i++) {
		struct store_stats stats;
		assert_get(fx, all[i], "a", "new");
		assert_get(fx, all[i], "b", "new");
		assert_get(fx, all[i], "gone", "-");
		assert_get(fx, all[i], "gone too", "-");
		assert_int_equal(store_stats(all[i], &stats), STORE_OK);
		assert_int_equal(stats.generation, 3);
		assert_int_equal(stats.records, 2);
	}
	assert_int_equal(changes, 1);
	/* Writers go on above it. */
	assert_int_equal(fixture_put(other, "c", "1"), STORE_OK);
	assert_get(fx, r, "c", "1");
	assert_get(fx, w, "c", "1");
	assert_int_equal(fixture_size(fx, "journal.2"), -1);
	assert_int_equal(fixture_size(fx, "base.new"), -1);
	for (size_t i = 0; i < 4; i++)
		store_close(all[i]);
}

struct attempt {
	struct fixture *fx;
	struct store *self;
	struct store *other;
};

static enum store_err
look_around(void *arg, struct store_content *c)
{
	struct attempt *a = arg;
	(void)c;
	/* What it reads stays true: nobody can write meanwhile. */
	assert_get(a->fx, a->self, "k", "1");
	assert_int_equal(store_begin(a->other), STORE_BUSY);
	assert_int_equal(store_checkpoint(a->other, NULL, NULL), STORE_BUSY);
	return STORE_DENIED;
}

static enum store_err
forget_the_failure(void *arg, struct store_content *c)
{
	(void)arg;
	assert_int_equal(store_add(c, "!meta", 5, "gen=9", 5), STORE_INVALID);
	assert_int_equal(store_add(c, "k", 1, "2", 1), STORE_INVALID);
	return STORE_OK;
}

static void
gives_up_whole(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	struct store *r = fixture_open(fx, false);
	struct attempt a = {fx, w, fixture_open(fx, true)};
	char two[] = "2";
	fixture_put(w, "k", "1");
	assert_int_equal(store_replace(w, look_around, &a), STORE_DENIED);
	assert_non_null(strstr(store_detail(w), "/base.new: given up"));
	assert_int_equal(
	    store_replace(w, forget_the_failure, NULL), STORE_INVALID);
	assert_non_null(strstr(store_detail(w), "/base.new: no store"));
	assert_int_equal(store_replace(r, fill, two), STORE_READONLY);
	assert_int_equal(store_begin(w), STORE_OK);
	assert_int_equal(store_replace(w, fill, two), STORE_INVALID);
	store_abort(w);
	assert_int_equal(fixture_size(fx, "base.new"), -1);
	assert_int_equal(fixture_generation(w), 1);
	/* No lock is left behind. */
	assert_int_equal(fixture_put(a.other, "k", "3"), STORE_OK);
	assert_get(fx, r, "k", "3");
	assert_int_equal(store_checkpoint(a.other, NULL, NULL), STORE_OK);
	store_close(a.other);
	store_close(w);
	store_close(r);
}

/* All of the one or all of the other, the same for everybody. */
static void
assert_whole(struct fixture *fx, struct store *s, struct store *also,
    const char *before, const char *after)
{
	const char *now =
	    strcmp(fixture_get(fx, s, "a"), before) == 0 ? before : after;
	assert_get(fx, s, "a", now);
	assert_get(fx, s, "b", now);
	assert_get(fx, also, "a", now);
	assert_get(fx, also, "b", now);
}

static void
strike_at_every_step(struct fixture *fx, enum fault_kind kind)
{
	char before[16] = "0", after[16];
	for (long nth = 1;; nth++) {
		snprintf(after, sizeof(after), "%ld", nth);
		struct store *w = fixture_open(fx, true);
		assert_int_equal(store_replace(w, fill, before), STORE_OK);
		struct store *r = fixture_open(fx, false);
		int status = 0;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			struct store *mine = fixture_open(fx, true);
			fault_arm(kind, nth, ENOSPC, NULL);
			enum store_err err = store_replace(mine, fill, after);
			bool has_struck = fault_has_struck();
			fault_disarm();
			/* Told as it is. */
			if (err == STORE_OK &&
			    strcmp(fixture_get(fx, mine, "a"), after) != 0)
				_exit(2);
			_exit(has_struck ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) < 2);
		struct store *fresh = fixture_open(fx, false);
		assert_non_null(fresh);
		assert_whole(fx, r, fresh, before, after);
		assert_int_equal(fixture_put(w, "b", "x"), STORE_OK);
		assert_get(fx, r, "b", "x");
		assert_get(fx, fresh, "b", "x");
		store_close(w);
		store_close(r);
		store_close(fresh);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			break;
		assert_true(nth < 200);
		snprintf(before, sizeof(before), "%ld", nth);
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
	    FIXTURE_TEST(replaces_all_there_is),
	    FIXTURE_TEST(gives_up_whole),
	    FIXTURE_TEST(killed_at_every_step),
	    FIXTURE_TEST(failing_at_every_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
