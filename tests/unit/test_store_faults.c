/* The store on failing and full disks, and killed at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include "store_fixture.h"

#include "store_faults.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

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
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(a_failed_sync_is_no_acknowledgement),
	    FIXTURE_TEST(without_sync_nothing_is_synced),
	    FIXTURE_TEST(a_failed_write_leaves_nothing_behind),
	    FIXTURE_TEST(a_real_limit_shortens_a_write),
	    FIXTURE_TEST(a_full_disk_still_takes_deletes),
	    FIXTURE_TEST(killed_at_every_step_of_a_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
