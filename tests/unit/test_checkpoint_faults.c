/* A checkpoint, and a create, killed or failing at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include "store_fixture.h"

#include "store_faults.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* gdbm 1.23 leaks its buffers when it cannot write a new file's beginning. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:gdbm_fd_open\n";
}

/* Somebody else, who commits while the base is being made. */
static struct {
	struct store *store;
	const char *value; /* NULL: does nothing (more) */
	atomic_int *acked;
} other;

static bool
commit_meanwhile(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)arg, (void)key, (void)key_len, (void)value, (void)value_len;
	const char *mine = other.value;
	other.value = NULL;
	if (mine != NULL &&
	    fixture_put(other.store, "meanwhile", mine) == STORE_OK &&
	    fixture_del(other.store, "revoked") == STORE_OK)
		atomic_store(other.acked, 1);
	return false;
}

/* Exit status 0 once nothing struck. */
static void
checkpoint_child(
    struct fixture *fx, enum fault_kind kind, long nth, const char *value)
{
	struct store *w = fixture_open(fx, true);
	other.store = fixture_open(fx, true);
	if (w == NULL || other.store == NULL)
		_exit(2);
	other.value = value;
	fault_arm(kind, nth, 0, NULL);
	_exit(store_checkpoint(w, commit_meanwhile, NULL) == STORE_OK ? 0 : 2);
}

static void
assert_acked(struct fixture *fx, struct store *s, const char *value)
{
	if (atomic_load(other.acked) == 0)
		return;
	assert_get(fx, s, "meanwhile", value);
	assert_get(fx, s, "revoked", "-");
}

static void
killed_at_every_step(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	other.acked = mmap(NULL, sizeof(*other.acked), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(other.acked, MAP_FAILED);
	assert_int_equal(fixture_put(w, "live", "0"), STORE_OK);
	assert_int_equal(fixture_put(w, "ended", "1"), STORE_OK);
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	store_close(w);
	long steps = 0, moved = 0;
	for (int torn = 0; torn < 2; torn++)
		for (long nth = 1;; nth++) {
			char value[16], last[16];
			int status;
			snprintf(value, sizeof(value), "%ld", nth);
			snprintf(last, sizeof(last), "+%ld", nth);
			w = fixture_open(fx, true);
			assert_int_equal(
			    fixture_put(w, "live", value), STORE_OK);
			assert_int_equal(
			    fixture_put(w, "ended", "1"), STORE_OK);
			assert_int_equal(fixture_del(w, "ended"), STORE_OK);
			assert_int_equal(
			    fixture_put(w, "revoked", "1"), STORE_OK);
			atomic_store(other.acked, 0);
			uint64_t before = fixture_generation(w);
			struct store *r = fixture_open(fx, false);
			fflush(NULL);
			pid_t pid = fork();
			if (pid == 0)
				checkpoint_child(fx,
				    torn ? FAULT_TORN : FAULT_KILL, nth, value);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(
			    WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
			/* Long-lived and fresh: nothing is lost, nothing is
			 * back, and they are in one generation. */
			struct store *fresh = fixture_open(fx, false);
			assert_non_null(fresh);
			assert_get(fx, r, "live", value);
			assert_get(fx, r, "ended", "-");
			assert_get(fx, fresh, "live", value);
			assert_get(fx, fresh, "ended", "-");
			assert_acked(fx, r, value);
			assert_acked(fx, fresh, value);
			assert_int_equal(
			    fixture_generation(r), fixture_generation(fresh));
			moved += fixture_generation(r) != before;
			/* The writer that was there goes on where they are. */
			assert_int_equal(
			    fixture_put(w, "live", last), STORE_OK);
			assert_int_equal(fixture_del(w, "gone"), STORE_OK);
			assert_get(fx, r, "live", last);
			assert_get(fx, fresh, "live", last);
			/* And the next checkpoint cleans up. */
			assert_int_equal(
			    store_checkpoint(w, NULL, NULL), STORE_OK);
			assert_get(fx, r, "live", last);
			assert_get(fx, fresh, "live", last);
			assert_get(fx, r, "ended", "-");
			assert_acked(fx, r, value);
			assert_int_equal(fixture_size(fx, "base.new"), -1);
			char name[32];
			for (uint64_t g = 1; g < fixture_generation(w); g++) {
				snprintf(name, sizeof(name), "journal.%lu",
				    (unsigned long)g);
				assert_int_equal(fixture_size(fx, name), -1);
			}
			store_close(w);
			store_close(r);
			store_close(fresh);
			if (WIFEXITED(status))
				break;
			steps++;
			assert_true(nth < 200);
		}
	print_message("%ld kills, %ld after the commit point\n", steps, moved);
	assert_true(steps > 20 && moved > 4);
	munmap(other.acked, sizeof(*other.acked));
}

static void
failing_at_every_step(void **state)
{
	struct fixture *fx = *state;
	static const int errors[] = {EIO, ENOSPC};
	long steps = 0;
	for (size_t e = 0; e < 2; e++)
		for (long nth = 1;; nth++) {
			struct store *w = fixture_open(fx, true);
			struct store *r = fixture_open(fx, false);
			char value[16];
			snprintf(value, sizeof(value), "%ld", nth);
			assert_int_equal(
			    fixture_put(w, "live", value), STORE_OK);
			assert_int_equal(fixture_del(w, "ended"), STORE_OK);
			atomic_int acked = 0;
			other.acked = &acked;
			other.store = fixture_open(fx, true);
			other.value = value;
			assert_int_equal(
			    fixture_put(w, "revoked", "1"), STORE_OK);
			fault_arm(FAULT_ERROR, nth, errors[e], NULL);
			enum store_err err =
			    store_checkpoint(w, commit_meanwhile, NULL);
			bool has_struck = fault_has_struck();
			fault_disarm();
			store_close(other.store);
			/* An error is told; whatever it was, all is there. */
			struct store *fresh = fixture_open(fx, false);
			assert_non_null(fresh);
			assert_get(fx, r, "live", value);
			assert_get(fx, fresh, "live", value);
			assert_get(fx, r, "ended", "-");
			assert_get(fx, fresh, "ended", "-");
			assert_acked(fx, r, value);
			assert_acked(fx, fresh, value);
			if (err != STORE_OK) {
				assert_true(
				    err == STORE_IO || err == STORE_FULL);
				assert_string_not_equal(store_detail(w), "");
			}
			/* No lock is left behind. */
			struct store *after = fixture_open(fx, true);
			assert_int_equal(
			    fixture_put(after, "live", "x"), STORE_OK);
			assert_int_equal(
			    store_checkpoint(after, NULL, NULL), STORE_OK);
			assert_get(fx, r, "live", "x");
			store_close(after);
			store_close(fresh);
			store_close(r);
			store_close(w);
			if (!has_struck)
				break;
			steps++;
			assert_true(nth < 200);
		}
	print_message("%ld failures\n", steps);
	assert_true(steps > 20);
}

static struct {
	bool is_renamed;
	bool is_durable; /* the rename */
	long removed; /* after it */
} seen;

static void
see(const char *call)
{
	bool will_fail = fault_kind == FAULT_ERROR && fault_countdown == 1;

	if (strcmp(call, "renameat") == 0) {
		seen.is_renamed = true;
		seen.is_durable = false;
	} else if (strcmp(call, "fsync") == 0 && !will_fail) {
		seen.is_durable = true;
	} else if (strcmp(call, "unlinkat") == 0 && seen.is_renamed) {
		seen.removed++;
		assert_true(seen.is_durable);
	}
}

/* A power loss that takes the rename back finds the old journal there. */
static void
old_journal_stays_until_the_rename_is_durable(void **state)
{
	struct fixture *fx = *state;
	bool has_struck = true;

	for (long nth = 1; has_struck; nth++) {
		struct store *w = fixture_open(fx, true);
		assert_int_equal(fixture_put(w, "live", "1"), STORE_OK);
		memset(&seen, 0, sizeof(seen));
		fault_hook = see;
		fault_arm(FAULT_ERROR, nth, EIO, "fsync");
		store_checkpoint(w, NULL, NULL);
		has_struck = fault_has_struck();
		fault_disarm();
		fault_hook = NULL;
		store_close(w);
		assert_true(nth < 20);
	}
	assert_true(seen.removed > 0);
}

static void
create_killed_at_every_step(void **state)
{
	struct fixture *fx = *state;
	for (long nth = 1;; nth++) {
		int status;
		fixture_empty(fx->dir);
		rmdir(fx->dir);
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			fault_arm(FAULT_KILL, nth, 0, NULL);
			_exit(store_create(fx->dir, 02750, NULL) == STORE_OK
				? 0
				: 2);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		enum store_err err = fixture_try(fx);
		assert_true(err == STORE_OK || err == STORE_MISSING ||
		    err == STORE_CORRUPT); /* a journal, no base yet */
		assert_int_equal(store_create(fx->dir, 02750, NULL), STORE_OK);
		struct store *w = fixture_open(fx, true);
		assert_int_equal(fixture_put(w, "k", "v"), STORE_OK);
		store_close(w);
		if (WIFEXITED(status))
			break;
		assert_true(nth < 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(killed_at_every_step),
	    FIXTURE_TEST(failing_at_every_step),
	    FIXTURE_TEST(old_journal_stays_until_the_rename_is_durable),
	    FIXTURE_TEST(create_killed_at_every_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
