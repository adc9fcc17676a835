/*
 * The store beside plain GDBM and SQLite, all in one run, as a table:
 *
 *   store_bench [--rounds 3] [--seconds 1] [--sessions 100000] [--dir DIR]
 *               [--json FILE]
 *
 * Every round does every row on every engine in turn, so the columns saw the
 * same machine; the table shows medians. Nothing fails for being slow; a
 * record that is lost ends the run with status 1.
 */
#include "auth/sessions.h"
#include "store/engine.h"
#include "store/report.h"
#include "store/work.h"
#include "tests/lib/hist.h"
#include "tests/lib/now.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SMALL 10000 /* sessions in the smaller store */
#define TURNOVER_LIVE 2000
#define TURNOVER_TIMES 100
#define TURNOVER_BATCH 50
#define OPENS 10
#define PACE_NS 10000000 /* 100 a second */
#define READER_PAUSE_NS 20000
#define JOURNAL_BYTES ((uint64_t)4 << 20)

static double seconds = 1;
static uint32_t large = 100000;
static char root[256];

static const char *
dir_of(size_t engine, const char *what)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/%zu-%s", root, engine, what);
	return path;
}

/* Bytes of all files below; removes them if asked to. */
static uint64_t
walk(const char *path, bool is_removing)
{
	struct stat st;
	uint64_t bytes = 0;
	DIR *d = opendir(path);
	struct dirent *e;
	while (d != NULL && (e = readdir(d)) != NULL) {
		char below[1024];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		if (lstat(below, &st) == -1)
			continue; /* gone by now */
		bytes += S_ISDIR(st.st_mode) ? walk(below, is_removing)
					     : (uint64_t)st.st_size;
		if (is_removing && !S_ISDIR(st.st_mode))
			unlink(below);
	}
	if (d != NULL)
		closedir(d);
	if (is_removing)
		rmdir(path);
	return bytes;
}

static void
make(size_t engine, const char *what, uint32_t sessions)
{
	const char *dir = dir_of(engine, what);
	if (mkdir(dir, 0700) == -1)
		die(dir, "cannot be made");
	engines[engine]->create(dir);
	fill(engines[engine], dir, 0, sessions);
}

/* --- reading ---------------------------------------------------------- */

static void
note_hist(int row, size_t engine, const struct hist *h)
{
	report_note(row, engine, (double)hist_quantile_ns(h, 0.5) / 1e3);
	report_note(row + 1, engine, (double)hist_quantile_ns(h, 0.99) / 1e3);
	report_note(row + 2, engine, (double)h->max_ns / 1e3);
}

/* With sessions_validate if s is given, else the engine's get. */
static void
read_for(size_t engine, void *h, struct sessions *s, uint32_t n, int row)
{
	static struct hist hist;
	struct session *all = malloc(n * sizeof(*all));
	struct buf value = BUF_INIT;
	uint32_t dice = 1;
	memset(&hist, 0, sizeof(hist));
	if (all == NULL)
		die("bench", "out of memory");
	for (uint32_t i = 0; i < n; i++)
		session_of(i, s == NULL ? NULL : sessions_keyring(s), &all[i]);
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	for (uint64_t begin = now_ns(); begin < end;) {
		dice = dice * 1664525 + 1013904223;
		const struct session *one = &all[(dice >> 8) % n];
		size_t len = s == NULL ? 0 : strlen(one->token);
		struct record_session r;
		char key[SESSIONS_KEY_SIZE];
		begin = now_ns();
		bool is_found = s == NULL
		    ? engines[engine]->get(h, one->key, &value)
		    : sessions_validate(s, one->token, len, &r, key, NULL) ==
			SESSIONS_VALID;
		hist_add(&hist, now_ns() - begin);
		if (!is_found)
			die(engines[engine]->name, "a session was not found");
	}
	note_hist(row, engine, &hist);
	free(all);
	buf_fini(&value);
}

static void
bench_reads(size_t engine, const char *what, uint32_t n, int validate, int get)
{
	const struct engine *e = engines[engine];
	const char *dir = dir_of(engine, what);
	struct account *a = account_new();
	pid_t writer = start_writer(e, dir, a, 0, PACE_NS);
	void *h = e->open(dir, false);
	read_for(engine, h, NULL, n, get);
	e->close(h);
	if (e == &engine_gatecast) {
		struct sessions *s;
		struct buf error = BUF_INIT;
		if (sessions_open(dir, false, 0, 0, clock_system(), &s,
			&error) != STORE_OK)
			die("sessions_open", buf_str(&error));
		read_for(engine, NULL, s, n, validate);
		sessions_close(s);
		buf_fini(&error);
	}
	atomic_store(&a->stop, 1);
	join(writer);
	verify(e, dir, a);
	account_free(a);
}

/* --- writing ---------------------------------------------------------- */

static void
pause_for(double s)
{
	time_t whole = (time_t)s;
	nanosleep(
	    &(struct timespec){whole, (long)((s - (double)whole) * 1e9)}, NULL);
}

static void
bench_commits(size_t engine)
{
	const struct engine *e = engines[engine];
	const char *dir = dir_of(engine, "small");
	struct account *a = account_new();
	pid_t pids[WRITERS_MAX];
	for (int w = 0; w < WRITERS_MAX; w++)
		pids[w] = start_writer(e, dir, a, w, 0);
	unsigned long first[WRITERS_MAX], n = 0, all = 0, bytes = 0;
	pause_for(seconds / 5); /* all of them are at it */
	uint64_t begin = now_ns();
	for (int w = 0; w < WRITERS_MAX; w++)
		first[w] = atomic_load(&a->writer[w].acked);
	pause_for(seconds);
	for (int w = 0; w < WRITERS_MAX; w++)
		n += atomic_load(&a->writer[w].acked) - first[w];
	double s = (double)(now_ns() - begin) / 1e9;
	atomic_store(&a->stop, 1);
	for (int w = 0; w < WRITERS_MAX; w++) {
		join(pids[w]);
		all += atomic_load(&a->writer[w].acked);
		bytes += atomic_load(&a->writer[w].disk_bytes);
	}
	verify(e, dir, a);
	report_note(COMMITS, engine, (double)n / s);
	report_note(
	    COMMIT_BYTES, engine, all == 0 ? NAN : (double)bytes / (double)all);
	account_free(a);
}

static void
bench_open(size_t engine)
{
	const struct engine *e = engines[engine];
	const char *dir = dir_of(engine, "small");
	struct buf value = BUF_INIT;
	double ms[OPENS];
	for (int i = 0; i < OPENS; i++) {
		if (e->forget != NULL)
			e->forget(dir);
		struct session s;
		session_of(7, NULL, &s);
		uint64_t begin = now_ns();
		void *h = e->open(dir, false);
		bool is_found = e->get(h, s.key, &value);
		ms[i] = (double)(now_ns() - begin) / 1e6;
		if (!is_found)
			die(e->name, "a session was not found");
		e->close(h);
	}
	report_note(OPEN, engine, report_median(ms, OPENS));
	buf_fini(&value);
}

/* The log, or journal, of the smaller store grows to four megabytes. */
static void
prepare_open(size_t engine)
{
	const struct engine *e = engines[engine];
	const char *dir = dir_of(engine, "small");
	struct buf value = BUF_INIT;
	uint64_t wait_ns;
	void *h = e->open(dir, true);
	e->checkpoint(h, false);
	if (e->hold != NULL)
		e->hold(h);
	session_value(0, &value);
	for (uint64_t bytes = 0; bytes < JOURNAL_BYTES;) {
		struct session s[100];
		struct record r[100];
		for (uint32_t i = 0; i < 100; i++) {
			session_of(
			    (uint32_t)(bytes / 64 + i) % SMALL, NULL, &s[i]);
			r[i] = (struct record){s[i].key, value.data, value.len};
			bytes += RECORD_KEY_LEN + value.len;
		}
		e->commit(h, r, 100, &wait_ns);
	}
	e->close(h);
	buf_fini(&value);
}

static void
bench_checkpoint(size_t engine)
{
	const struct engine *e = engines[engine];
	const char *dir = dir_of(engine, "large");
	struct account *a = account_new();
	pid_t writer = start_writer(e, dir, a, 0, 0);
	pid_t reader = start_reader(e, dir, a, large, READER_PAUSE_NS);
	void *h = e->open(dir, true);
	while (atomic_load(&a->reader.gets) < 100 ||
	    atomic_load(&a->writer[0].acked) < 100)
		pause_for(0.001);
	/* What counts begins here. */
	atomic_store(&a->writer[0].wait_ns, 0);
	atomic_store(&a->writer[0].commit_ns, 0);
	atomic_store(&a->reader.longest_ns, 0);
	uint64_t begin = now_ns();
	e->checkpoint(h, false);
	report_note(CHECKPOINT, engine, (double)(now_ns() - begin) / 1e6);
	unsigned long gets = atomic_load(&a->reader.gets);
	unsigned long acked = atomic_load(&a->writer[0].acked);
	while (atomic_load(&a->reader.gets) < gets + 100 ||
	    atomic_load(&a->writer[0].acked) < acked + 10)
		pause_for(0.001);
	atomic_store(&a->stop, 1);
	join(writer);
	join(reader);
	e->close(h);
	verify(e, dir, a);
	report_note(CHECKPOINT_WAIT, engine,
	    (double)atomic_load(&a->writer[0].wait_ns) / 1e6);
	report_note(CHECKPOINT_COMMIT, engine,
	    (double)atomic_load(&a->writer[0].commit_ns) / 1e6);
	report_note(CHECKPOINT_GET, engine,
	    (double)atomic_load(&a->reader.longest_ns) / 1e6);
	report_note(CHECKPOINT_GET_CPU, engine,
	    (double)atomic_load(&a->reader.cpu_ns) / 1e6);
	account_free(a);
}

/* Sessions begin and end, as many at any time; each is there once. */
static void
bench_turnover(size_t engine)
{
	const struct engine *e = engines[engine];
	const char *dir = dir_of(engine, "turnover");
	struct buf value = BUF_INIT;
	uint64_t wait_ns;
	double most = 0, now = 0;
	make(engine, "turnover", TURNOVER_LIVE);
	void *h = e->open(dir, true);
	session_value(0, &value);
	double live = (double)(RECORD_KEY_LEN + value.len) * TURNOVER_LIVE;
	for (uint32_t at = 0; at < TURNOVER_LIVE * TURNOVER_TIMES;
	     at += TURNOVER_BATCH) {
		struct session s[2 * TURNOVER_BATCH];
		struct record r[2 * TURNOVER_BATCH];
		for (uint32_t i = 0; i < TURNOVER_BATCH; i++) {
			session_of(at + i, NULL, &s[2 * i]);
			r[2 * i] = (struct record){s[2 * i].key, NULL, 0};
			session_of(at + i + TURNOVER_LIVE, NULL, &s[2 * i + 1]);
			r[2 * i + 1] = (struct record){
			    s[2 * i + 1].key, value.data, value.len};
		}
		e->commit(h, r, (size_t)2 * TURNOVER_BATCH, &wait_ns);
		e->checkpoint(h, true);
		now = (double)walk(dir, false) / live;
		most = now > most ? now : most;
	}
	e->close(h);
	report_note(TURNOVER, engine, now);
	report_note(TURNOVER_MOST, engine, most);
	walk(dir_of(engine, "turnover"), true);
	buf_fini(&value);
}

/* --- all of it --------------------------------------------------------- */

static void
run(void)
{
	report_init();
	for (size_t e = 0; e < ENGINES; e++) {
		make(e, "small", SMALL);
		make(e, "large", large);
	}
	for (int round = 0; round < report_rounds; round++)
		for (size_t e = 0; e < ENGINES; e++) {
			report_round = round;
			bench_reads(
			    e, "small", SMALL, VALIDATE_SMALL, GET_SMALL);
			bench_reads(
			    e, "large", large, VALIDATE_LARGE, GET_LARGE);
			bench_commits(e);
			prepare_open(e);
			bench_open(e);
			bench_checkpoint(e);
			bench_turnover(e);
			fprintf(stderr, "round %d of %d: %s\n", round + 1,
			    report_rounds, engines[e]->name);
		}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"rounds", required_argument, NULL, 'r'},
	    {"seconds", required_argument, NULL, 's'},
	    {"sessions", required_argument, NULL, 'n'},
	    {"dir", required_argument, NULL, 'd'},
	    {"json", required_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	const char *json = NULL, *dir = "/tmp";
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'r':
			report_rounds = atoi(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'n':
			large = (uint32_t)atol(optarg);
			break;
		case 'd':
			dir = optarg;
			break;
		case 'j':
			json = optarg;
			break;
		default:
			return 2;
		}
	if (report_rounds < 1 || report_rounds > ROUNDS_MAX || seconds <= 0 ||
	    large < 1)
		die("options", "rounds 1..15, seconds and sessions above 0");
	snprintf(root, sizeof(root), "%s/gatecast-bench-XXXXXX", dir);
	if (mkdtemp(root) == NULL)
		die(root, "cannot be made");
	run();
	report_print();
	if (json != NULL)
		report_write(json, large);
	walk(root, true);
	return EXIT_SUCCESS;
}
