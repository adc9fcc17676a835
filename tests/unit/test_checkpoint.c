/* Generations: what a checkpoint keeps, and death or failure at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/journal.h"
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

static uint64_t
generation(struct store *s)
{
	struct store_stats stats;
	assert_int_equal(store_stats(s, &stats), STORE_OK);
	return stats.generation;
}

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
		assert_int_equal(generation(r), (uint64_t)round + 2);
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
		assert_int_equal(generation(all[i]), 2);
		store_close(all[i]);
	}
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
	store_close(w);
}

/* --- races -------------------------------------------------------------- */

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
	assert_int_equal(generation(w), 2);
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
	uint64_t first = generation(r);
	do {
		race_read(fx, r, race, seen);
		if (reads++ % 50 == 0) { /* and one that comes afresh */
			long none[2] = {0, 0};
			struct store *fresh = fixture_open(fx, false);
			assert_non_null(fresh);
			race_read(fx, fresh, race, none);
			store_close(fresh);
		}
	} while (generation(r) < first + 25 || seen[0] < 50);
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

/* --- what kills leave behind -------------------------------------------- */

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
	assert_int_equal(generation(fresh), 2);
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

/* Exit status 0 once nothing struck. */
static void
checkpoint_child(struct fixture *fx, enum fault_kind kind, long nth)
{
	struct store *w = fixture_open(fx, true);
	if (w == NULL)
		_exit(2);
	fault_arm(kind, nth, 0, NULL);
	_exit(store_checkpoint(w, NULL, NULL) == STORE_OK ? 0 : 2);
}

static void
killed_at_every_step(void **state)
{
	struct fixture *fx = *state;
	struct store *w = fixture_open(fx, true);
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
			uint64_t before = generation(w);
			struct store *r = fixture_open(fx, false);
			fflush(NULL);
			pid_t pid = fork();
			if (pid == 0)
				checkpoint_child(
				    fx, torn ? FAULT_TORN : FAULT_KILL, nth);
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
			assert_int_equal(generation(r), generation(fresh));
			moved += generation(r) != before;
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
			assert_int_equal(fixture_size(fx, "base.new"), -1);
			char name[32];
			for (uint64_t g = 1; g < generation(w); g++) {
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
			fault_arm(FAULT_ERROR, nth, errors[e], NULL);
			enum store_err err = store_checkpoint(w, NULL, NULL);
			bool has_struck = fault_has_struck();
			fault_disarm();
			/* An error is told; whatever it was, all is there. */
			struct store *fresh = fixture_open(fx, false);
			assert_non_null(fresh);
			assert_get(fx, r, "live", value);
			assert_get(fx, fresh, "live", value);
			assert_get(fx, r, "ended", "-");
			assert_get(fx, fresh, "ended", "-");
			if (err != STORE_OK) {
				assert_true(
				    err == STORE_IO || err == STORE_FULL);
				assert_string_not_equal(store_detail(w), "");
			}
			/* No lock is left behind. */
			struct store *other = fixture_open(fx, true);
			assert_int_equal(
			    fixture_put(other, "live", "x"), STORE_OK);
			assert_int_equal(
			    store_checkpoint(other, NULL, NULL), STORE_OK);
			assert_get(fx, r, "live", "x");
			store_close(other);
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
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(keeps_what_is_live),
	    TEST(drops_what_has_expired),
	    TEST(takes_in_what_is_written_meanwhile),
	    TEST(gives_up_when_the_writer_stays),
	    TEST(pays_when_the_journal_has_grown),
	    TEST(a_writer_that_waited_writes_to_the_new_generation),
	    TEST(readers_see_no_gap_during_a_checkpoint),
	    TEST(published_before_and_synced_after),
	    TEST(readers_keep_up),
	    TEST(a_stale_next_journal_is_not_adopted),
	    TEST(an_old_base_with_the_present_journal_is_refused),
	    TEST(killed_at_every_step),
	    TEST(failing_at_every_step),
	    TEST(create_killed_at_every_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
