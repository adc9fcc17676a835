/* See work.h. */
#include "work.h"

#include "auth/sessions_impl.h"
#include "tests/lib/now.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 1000
#define WRITERS_FROM UINT32_C(0x40000000) /* their numbers, out of the way */

static uint64_t
cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void
die(const char *what, const char *why)
{
	fprintf(stderr, "store_bench: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

void
session_of(uint32_t number, const struct keyring *ring, struct session *s)
{
	uint8_t id[TOKEN_ID_BYTES] = {0};
	memcpy(id, &number, sizeof(number));
	sessions_key_of(id, s->key);
	if (ring != NULL)
		token_make(ring, TOKEN_SESSION, id, s->token);
}

void
session_value(uint64_t counter, struct buf *out)
{
	int64_t now_s = clock_wall_s(clock_system());
	struct record_session r = {
	    .user = "alice",
	    .created_s = now_s,
	    .seen_s = now_s,
	    .idle_s = 1000000 + (int64_t)counter,
	    .address = "192.0.2.17",
	    .agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "
		     "Gecko/20100101 Firefox/128.0",
	};
	buf_reset(out);
	if (record_put_session(&r, out) == -1)
		die("record", "cannot be made");
}

static uint64_t
counter_of(const struct buf *value)
{
	struct record_session r;
	if (record_get_session(value->data, value->len, &r) == -1)
		die("a record came back damaged", buf_str(value));
	return (uint64_t)r.idle_s - 1000000;
}

void
fill(const struct engine *e, const char *dir, uint32_t from, uint32_t to)
{
	static struct session sessions[BATCH];
	static struct record records[BATCH];
	struct buf value = BUF_INIT;
	uint64_t wait_ns;
	void *h = e->open(dir, true);
	session_value(0, &value);
	while (from < to) {
		size_t n = 0;
		for (; n < BATCH && from < to; n++, from++) {
			session_of(from, NULL, &sessions[n]);
			records[n] = (struct record){
			    sessions[n].key, value.data, value.len};
		}
		e->commit(h, records, n, &wait_ns);
	}
	e->checkpoint(h, false);
	e->close(h);
	buf_fini(&value);
}

struct account *
account_new(void)
{
	struct account *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a == MAP_FAILED)
		die("mmap", "out of memory");
	return a;
}

void
account_free(struct account *a)
{
	munmap(a, sizeof(*a));
}

static void
raise_to(atomic_ulong *longest, uint64_t ns)
{
	if (ns > atomic_load(longest))
		atomic_store(longest, ns);
}

static void
take_a_break(long ns)
{
	if (ns > 0)
		nanosleep(&(struct timespec){0, ns}, NULL);
}

/* Bytes this process caused to be written, by pages made dirty. */
static uint64_t
disk_bytes(void)
{
	char line[128];
	uint64_t n = 0;
	FILE *f = fopen("/proc/self/io", "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "write_bytes: %" SCNu64, &n);
	if (f != NULL)
		fclose(f);
	return n;
}

static uint32_t
writer_number(int which, uint64_t counter)
{
	return WRITERS_FROM + (uint32_t)which * WRITER_KEYS +
	    (uint32_t)(counter % WRITER_KEYS);
}

static void
write_on(const struct engine *e, const char *dir, struct account *a, int which,
    long pause_ns)
{
	struct buf value = BUF_INIT;
	void *h = e->open(dir, true);
	uint64_t before = disk_bytes();
	for (uint64_t i = 1; atomic_load(&a->stop) == 0; i++) {
		struct session s;
		uint64_t wait_ns;
		session_of(writer_number(which, i), NULL, &s);
		session_value(i, &value);
		struct record r = {s.key, value.data, value.len};
		uint64_t begin = now_ns();
		e->commit(h, &r, 1, &wait_ns);
		raise_to(&a->writer[which].commit_ns, now_ns() - begin);
		raise_to(&a->writer[which].wait_ns, wait_ns);
		atomic_store(&a->writer[which].acked, i);
		take_a_break(pause_ns);
	}
	atomic_store(&a->writer[which].disk_bytes, disk_bytes() - before);
	e->close(h);
	buf_fini(&value);
}

/*
 * What is measured is the wait for the store, not for the processor: where
 * that is permitted, whoever measures runs before everybody else.
 */
static void
come_first(void)
{
	struct sched_param p = {.sched_priority = 1};
	sched_setscheduler(0, SCHED_FIFO, &p);
}

pid_t
start_writer(const struct engine *e, const char *dir, struct account *a,
    int which, long pause_ns)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		come_first();
		write_on(e, dir, a, which, pause_ns);
		_exit(EXIT_SUCCESS);
	}
	return pid;
}

static void
read_on(const struct engine *e, const char *dir, struct account *a, uint32_t n,
    long pause_ns)
{
	struct buf value = BUF_INIT;
	void *h = e->open(dir, false);
	uint32_t dice = 1;
	for (unsigned long i = 1; atomic_load(&a->stop) == 0; i++) {
		struct session s;
		dice = dice * 1664525 + 1013904223;
		session_of((dice >> 8) % n, NULL, &s);
		uint64_t cpu = cpu_ns(), begin = now_ns();
		bool is_found = e->get(h, s.key, &value);
		uint64_t ns = now_ns() - begin;
		cpu = cpu_ns() - cpu;
		if (!is_found)
			die(e->name, "a session was not found");
		if (ns > atomic_load(&a->reader.longest_ns)) {
			atomic_store(&a->reader.longest_ns, ns);
			atomic_store(&a->reader.cpu_ns, cpu);
		}
		atomic_store(&a->reader.gets, i);
		take_a_break(pause_ns);
	}
	e->close(h);
	buf_fini(&value);
}

pid_t
start_reader(const struct engine *e, const char *dir, struct account *a,
    uint32_t n, long pause_ns)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		come_first();
		read_on(e, dir, a, n, pause_ns);
		_exit(EXIT_SUCCESS);
	}
	return pid;
}

void
join(pid_t pid)
{
	int status;
	if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0)
		die("a process of the bench", "ended badly");
}

void
verify(const struct engine *e, const char *dir, const struct account *a)
{
	struct buf value = BUF_INIT;
	void *h = e->open(dir, false);
	for (int w = 0; w < WRITERS_MAX; w++) {
		uint64_t last = atomic_load(&a->writer[w].acked);
		uint64_t first = last < WRITER_KEYS ? 0 : last - WRITER_KEYS;
		for (uint64_t i = first + 1; i <= last; i++) {
			struct session s;
			session_of(writer_number(w, i), NULL, &s);
			if (!e->get(h, s.key, &value) || counter_of(&value) < i)
				die(e->name, "an acknowledged record is lost");
		}
	}
	e->close(h);
	buf_fini(&value);
}
