/*
 * The store's figures, one a line: store_get at 10,000 records while another
 * process commits 100 times a second (records in the base and in the
 * overlay), commits a second of two processes, opening with a 4 MB journal,
 * a checkpoint. The directory is the argument, or a temporary one.
 */
#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 10000
#define GETS 2000000
#define COMMIT_SECONDS 3.0
#define KEY_LEN 66

static char dir[256];

static double
now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
check(enum store_err err, const char *what)
{
	if (err == STORE_OK)
		return;
	fprintf(stderr, "store_bench: %s: %s\n", what, store_strerror(err));
	exit(EXIT_FAILURE);
}

static struct store *
open_store(bool is_writer)
{
	struct store_opts opts = {
	    .dir = dir,
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = 10000,
	};
	struct store *s;
	check(store_open(&opts, &s, NULL), "open");
	return s;
}

/* As sessions have them: "s:" and 64 hex digits. */
static void
key_of(unsigned i, char key[static KEY_LEN + 1])
{
	uint64_t x = i + 1;
	memcpy(key, "s:", 2);
	for (int part = 0; part < 4; part++) {
		x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
		snprintf(
		    key + 2 + part * 16, 17, "%016llx", (unsigned long long)x);
	}
}

static void
put(struct store *s, unsigned i, const char *value)
{
	char key[KEY_LEN + 1];
	key_of(i, key);
	check(store_put(s, key, KEY_LEN, value, strlen(value)), "put");
}

static const char value[] =
    "v=1 user=alice created=1700000000 seen=1700000000 expires=1702592000 "
    "idle=86400 address=192.0.2.17 agent=Mozilla/5.0%20(X11;%20Linux%20"
    "x86_64;%20rv:128.0)%20Gecko/20100101%20Firefox/128.0";

static void
fill(struct store *s)
{
	for (unsigned i = 0; i < RECORDS; i += 100) {
		check(store_begin(s), "begin");
		for (unsigned k = i; k < i + 100; k++)
			put(s, k, value);
		check(store_commit(s), "commit");
	}
}

/* A child that commits at a pace (0: as fast as it can) until killed. */
static pid_t
start_writer(unsigned from, long pause_ns, int counter)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct store *s = open_store(true);
	for (unsigned i = 0;; i++) {
		struct timespec pause = {0, pause_ns};
		check(store_begin(s), "begin");
		put(s, from + i % 500, value);
		check(store_commit(s), "commit");
		if (counter != -1 && write(counter, "", 1) != 1)
			_exit(EXIT_FAILURE);
		if (pause_ns > 0)
			nanosleep(&pause, NULL);
	}
}

static void
stop_writer(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int
by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? -1 : x > y;
}

static void
bench_get(const char *name, struct store *r, unsigned from, unsigned n)
{
	float *us = malloc(GETS * sizeof(*us));
	char(*keys)[KEY_LEN + 1] = malloc(n * sizeof(*keys));
	struct buf got = {0};
	if (us == NULL || keys == NULL)
		exit(EXIT_FAILURE);
	for (unsigned i = 0; i < n; i++)
		key_of(from + i, keys[i]);
	unsigned dice = 1;
	for (int i = 0; i < GETS; i++) {
		dice = dice * 1664525 + 1013904223;
		const char *key = keys[(dice >> 8) % n];
		double begin = now_s();
		check(store_get(r, key, KEY_LEN, &got), "get");
		us[i] = (float)((now_s() - begin) * 1e6);
	}
	qsort(us, GETS, sizeof(*us), by_size);
	printf("get, %s: p50 %.2f us, p99 %.2f us, p99.9 %.2f us, max %.0f "
	       "us\n",
	    name, us[GETS / 2], us[GETS / 100 * 99], us[GETS / 1000 * 999],
	    us[GETS - 1]);
	buf_fini(&got);
	free(us);
	free(keys);
}

static void
bench_commits(int writers)
{
	int counter[2];
	pid_t pids[4];
	char bytes[4096];
	if (pipe(counter) == -1)
		exit(EXIT_FAILURE);
	for (int i = 0; i < writers; i++)
		pids[i] = start_writer((unsigned)i * 1000, 0, counter[1]);
	long n = 0;
	double begin = 0, end = 0;
	do {
		ssize_t got = read(counter[0], bytes, sizeof(bytes));
		if (got <= 0)
			exit(EXIT_FAILURE);
		end = now_s();
		if (begin > 0)
			n += got;
		else
			begin = end;
	} while (end - begin < COMMIT_SECONDS);
	for (int i = 0; i < writers; i++)
		stop_writer(pids[i]);
	close(counter[0]);
	close(counter[1]);
	printf("commits, %d writers: %.0f/s\n", writers,
	    (double)n / (end - begin));
}

static void
bench_open(struct store *w)
{
	struct store_stats stats;
	check(store_checkpoint(w, NULL, NULL), "checkpoint");
	do {
		fill(w);
		check(store_stats(w, &stats), "stats");
	} while (stats.journal_bytes < 4 << 20);
	double best = 1e9, worst = 0;
	for (int i = 0; i < 20; i++) {
		double begin = now_s();
		store_close(open_store(false));
		double ms = (now_s() - begin) * 1e3;
		best = ms < best ? ms : best;
		worst = ms > worst ? ms : worst;
	}
	printf("open, journal %.1f MB, base %.1f MB: %.1f ms (worst of 20: "
	       "%.1f ms)\n",
	    (double)stats.journal_bytes / 1e6, (double)stats.base_bytes / 1e6,
	    best, worst);
	double begin = now_s();
	check(store_checkpoint(w, NULL, NULL), "checkpoint");
	printf("checkpoint of %llu records: %.0f ms\n",
	    (unsigned long long)stats.records, (now_s() - begin) * 1e3);
}

static void
clean_up(struct store *s)
{
	struct store_stats stats;
	char path[512];
	static const char *const names[] = {"base.gdbm", "lock"};
	check(store_stats(s, &stats), "stats");
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/journal.%llu", dir,
	    (unsigned long long)stats.generation);
	unlink(path);
	rmdir(dir);
}

int
main(int argc, char **argv)
{
	snprintf(dir, sizeof(dir), "%s",
	    argc > 1 ? argv[1] : "/tmp/gatecast-bench-XXXXXX");
	if (argc <= 1 && mkdtemp(dir) == NULL)
		return EXIT_FAILURE;
	check(store_create(dir, 0700, NULL), "create");
	struct store *w = open_store(true);
	fill(w);
	check(store_checkpoint(w, NULL, NULL), "checkpoint");
	struct store *r = open_store(false);
	bench_get("base, quiet", r, 1000, RECORDS - 1000);
	pid_t pid = start_writer(0, 10000000, -1);
	bench_get("base, 100 commits/s", r, 1000, RECORDS - 1000);
	bench_get("overlay, 100 commits/s", r, 0, 100);
	stop_writer(pid);
	bench_commits(1);
	bench_commits(2);
	bench_open(w);
	if (argc <= 1)
		clean_up(w);
	store_close(r);
	store_close(w);
	return EXIT_SUCCESS;
}
