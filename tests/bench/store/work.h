/*
 * What is done with an engine: sessions put into it, and processes that read
 * and write at once, each of which keeps account of what it saw and was told.
 */
#ifndef BENCH_STORE_WORK_H
#define BENCH_STORE_WORK_H

#include "auth/token.h"
#include "engine.h"

#include <stdatomic.h>
#include <sys/types.h>

#define WRITERS_MAX 2
#define WRITER_KEYS 500 /* records that one writer writes again and again */

/* The same on every engine; made from its number. */
struct session {
	char key[RECORD_KEY_LEN + 1];
	char token[TOKEN_SIZE];
};
void session_of(uint32_t number, const struct keyring *ring, struct session *s);

/* A record as sessions_begin writes it, with a number in it. */
void session_value(uint64_t counter, struct buf *out);

/* Puts numbers from..to in large transactions, and checkpoints. */
void fill(const struct engine *e, const char *dir, uint32_t from, uint32_t to);

/* In memory that all processes share. */
struct account {
	atomic_int stop;
	struct {
		atomic_ulong acked; /* commits that returned */
		atomic_ulong wait_ns, commit_ns; /* the longest so far */
		atomic_ulong disk_bytes; /* of the process, for its commits */
	} writer[WRITERS_MAX];
	struct {
		atomic_ulong gets;
		atomic_ulong longest_ns, cpu_ns; /* of the longest one */
	} reader;
};
struct account *account_new(void);
void account_free(struct account *a);

/* Commits one record each time, with a pause after it, until told to stop. */
pid_t start_writer(const struct engine *e, const char *dir, struct account *a,
    int which, long pause_ns);

/* Gets of numbers below n with a pause after each; all must be there. */
pid_t start_reader(const struct engine *e, const char *dir, struct account *a,
    uint32_t n, long pause_ns);

/* Waits for it to end well. */
void join(pid_t pid);

/* What the writers were told is durable must be there. */
void verify(const struct engine *e, const char *dir, const struct account *a);

#endif
