/* Writers and readers while a checkpoint is being made. */
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

/* Shared with the child that waits for the lock. */
static struct {
	atomic_int go;
	atomic_int pauses;
} * shared;
static bool is_waiter;

int
clock_nanosleep(
    clockid_t id, int flags, const struct timespec *t, struct timespec *left)
{
	if (is_waiter)
		atomic_fetch_add(&shared->pauses, 1);
	return syscall(SYS_clock_nanosleep, id, flags, t, left) == -1 ? errno
								      : 0;
}

/* Holds the rename until the child is seen waiting for W. */
static void
wait_for_waiter(const char *call)
{
	if (strcmp(call, "renameat") != 0)
		return;
	atomic_store(&shared->go, 1);
	while (atomic_load(&shared->pauses) < 3)
		usleep(100);
}

static void
a_writer_that_waited_writes_to_the_new_generation(void **state)
{
	struct fixture *fx = *state;
	int status;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "k", "1");
	pid_t pid = fork();
	if (pid == 0) {
		struct store_opts opts = {.dir = fx->dir,
		    .is_writer = true,
		    .has_sync = true,
		    .lock_wait_ms = 20000};
		struct store *mine;
		is_waiter = true;
		if (store_open(&opts, &mine, NULL) != STORE_OK)
			_exit(1);
		while (atomic_load(&shared->go) == 0)
			usleep(100);
		if (fixture_put(mine, "k", "2") != STORE_OK)
			_exit(2);
		_exit(strcmp(fixture_get(fx, mine, "k"), "2") == 0 ? 0 : 3);
	}
	fault_hook = wait_for_waiter;
	enum store_err err = store_checkpoint(w, NULL, NULL);
	fault_hook = NULL;
	assert_int_equal(err, STORE_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_get(fx, w, "k", "2");
	assert_int_equal(fixture_generation(w), 2);
	struct store *fresh = fixture_open(fx, false);
	assert_get(fx, fresh, "k", "2");
	store_close(fresh);
	store_close(w);
	munmap(shared, sizeof(*shared));
}

static struct store *watched;
static struct fixture *watched_fx;

/* A reader at each step of a checkpoint: seal, rename, unlink. */
static void
read_at_each_step(const char *call)
{
	static bool is_inside;
	(void)call;
	if (is_inside)
		return;
	is_inside = true;
	assert_get(watched_fx, watched, "live", "1");
	assert_get(watched_fx, watched, "ended", "-");
	struct store *fresh = fixture_open(watched_fx, false);
	assert_non_null(fresh);
	assert_get(watched_fx, fresh, "live", "1");
	assert_get(watched_fx, fresh, "ended", "-");
	store_close(fresh);
	is_inside = false;
}

static void
readers_see_no_gap_during_a_checkpoint(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "live", "0");
	fixture_put(w, "ended", "1");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_put(w, "live", "1");
	fixture_del(w, "ended");
	watched = fixture_open(fx, false);
	watched_fx = fx;
	fault_hook = read_at_each_step;
	enum store_err err = store_checkpoint(w, NULL, NULL);
	fault_hook = NULL;
	assert_int_equal(err, STORE_OK);
	store_close(watched);
	store_close(w);
}

static void
published_before_and_synced_after(void **state)
{
	struct fixture *fx = *state;
	struct store *a = fixture_open(fx, true);
	struct store *b = fixture_open(fx, true);
	assert_int_equal(store_begin(a), STORE_OK);
	assert_int_equal(store_put(a, "k", 1, "v", 1), STORE_OK);
	assert_int_equal(store_publish(a), STORE_OK);
	assert_int_equal(store_checkpoint(b, NULL, NULL), STORE_OK);
	/*
	 * Taking up the new generation, a syncs the journal it wrote to, the
	 * new one and the directory: on whichever side of the rename the
	 * machine dies, the record is there.
	 */
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	assert_get(fx, a, "k", "v");
	assert_true(fault_has_struck());
	fault_disarm();
	assert_int_equal(store_sync(a), STORE_IO);
	assert_int_equal(store_begin(a), STORE_READONLY);
	store_close(a);
	store_close(b);
}

/*
 * At the first call of that name somebody removes the lock file, and another
 * checkpoint, which knows nothing of the first, comes to its end.
 */
static const char *overtaken_at;

static void
overtake(const char *call)
{
	if (overtaken_at == NULL || strcmp(call, overtaken_at) != 0)
		return;
	overtaken_at = NULL;
	assert_int_equal(unlink(fixture_path(watched_fx, "lock")), 0);
	struct store *s = fixture_open(watched_fx, true);
	assert_int_equal(store_checkpoint(s, NULL, NULL), STORE_OK);
	assert_int_equal(fixture_put(s, "k", "2"), STORE_OK);
	store_close(s);
}

static void
a_checkpoint_that_was_overtaken_removes_nothing(void **state)
{
	static const char *const places[] = {"write", "fsync", "fdatasync"};
	struct fixture *fx = *state;
	watched_fx = fx;
	for (size_t i = 0; i < 3; i++) {
		struct store *w = fixture_open(fx, true);
		fixture_put(w, "k", "1");
		overtaken_at = places[i];
		fault_hook = overtake;
		enum store_err err = store_checkpoint(w, NULL, NULL);
		fault_hook = NULL;
		assert_null(overtaken_at);
		assert_int_not_equal(err, STORE_OK);
		assert_get(fx, w, "k", "2");
		struct store *fresh = fixture_open(fx, false);
		assert_non_null(fresh);
		assert_get(fx, fresh, "k", "2");
		store_close(fresh);
		assert_int_equal(fixture_put(w, "k", "3"), STORE_OK);
		store_close(w);
	}
}

/*
 * Two writers and two checkpointers at full speed: whatever was acknowledged
 * before a read began is seen by it, and no record ever comes back.
 */
struct race {
	atomic_long acked[2];
	atomic_int stop;
};

static void
race_writer(struct fixture *fx, struct race *race, int which)
{
	struct store_opts opts = {.dir = fx->dir,
	    .is_writer = true,
	    .has_sync = true,
	    .lock_wait_ms = 20000};
	struct store *s;
	char key[16], value[32];
	if (store_open(&opts, &s, NULL) != STORE_OK)
		_exit(1);
	snprintf(key, sizeof(key), "counter %d", which);
	for (long i = 1; atomic_load(&race->stop) == 0; i++) {
		snprintf(value, sizeof(value), "%ld", i);
		if (fixture_put(s, key, value) != STORE_OK)
			_exit(2);
		atomic_store(&race->acked[which], i);
	}
	_exit(0);
}

static void
race_checkpointer(struct fixture *fx, struct race *race)
{
	struct store_opts opts = {.dir = fx->dir,
	    .is_writer = true,
	    .has_sync = true,
	    .lock_wait_ms = 20000};
	struct store *s;
	if (store_open(&opts, &s, NULL) != STORE_OK)
		_exit(1);
	while (atomic_load(&race->stop) == 0) {
		enum store_err err = store_checkpoint(s, NULL, NULL);
		if (err != STORE_OK && err != STORE_BUSY)
			_exit(2);
	}
	_exit(0);
}

static void
race_read(struct fixture *fx, struct store *r, struct race *race, long seen[2])
{
	char key[16];
	for (int which = 0; which < 2; which++) {
		long acked = atomic_load(&race->acked[which]);
		snprintf(key, sizeof(key), "counter %d", which);
		const char *value = fixture_get(fx, r, key);
		long now =
		    strcmp(value, "-") == 0 ? 0 : strtol(value, NULL, 10);
		if (now < acked || now < seen[which])
			fail_msg("%s is \"%s\", %ld was acknowledged, %ld seen",
			    key, value, acked, seen[which]);
		seen[which] = now;
	}
	assert_get(fx, r, "ended", "-");
}

static void
readers_keep_up(void **state)
{
	struct fixture *fx = *state;
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(race, MAP_FAILED);
	struct store *w = fixture_open(fx, true);
	fixture_put(w, "ended", "1");
	assert_int_equal(store_checkpoint(w, NULL, NULL), STORE_OK);
	fixture_del(w, "ended");
	store_close(w);
	struct store *r = fixture_open(fx, false);
	pid_t pids[4];
	fflush(NULL);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (i < 2 && pids[i] == 0)
			race_writer(fx, race, i);
		if (pids[i] == 0)
			race_checkpointer(fx, race);
	}
	long seen[2] = {0, 0}, reads = 0;
	uint64_t first = fixture_generation(r);
	do {
		race_read(fx, r, race, seen);
		if (reads++ % 50 == 0) { /* and one that comes afresh */
			long none[2] = {0, 0};
			struct store *fresh = fixture_open(fx, false);
			assert_non_null(fresh);
			race_read(fx, fresh, race, none);
			store_close(fresh);
		}
	} while (fixture_generation(r) < first + 25 || seen[0] < 50);
	atomic_store(&race->stop, 1);
	for (int i = 0; i < 4; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	race_read(fx, r, race, seen);
	assert_int_equal(seen[0], atomic_load(&race->acked[0]));
	store_close(r);
	munmap(race, sizeof(*race));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(a_writer_that_waited_writes_to_the_new_generation),
	    FIXTURE_TEST(readers_see_no_gap_during_a_checkpoint),
	    FIXTURE_TEST(published_before_and_synced_after),
	    FIXTURE_TEST(a_checkpoint_that_was_overtaken_removes_nothing),
	    FIXTURE_TEST(readers_keep_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
