/*
 * What is compared: our store, plain GDBM opened for each operation, SQLite
 * in WAL mode. One record is a session, key and value as login.fcgi writes
 * them. A failure ends the process with its reason: a bench that goes on
 * without what it wrote measures nothing.
 */
#ifndef BENCH_STORE_ENGINE_H
#define BENCH_STORE_ENGINE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
	const char *key; /* RECORD_KEY_LEN bytes and a NUL */
	const char *value; /* NULL: delete */
	size_t value_len;
};
#define RECORD_KEY_LEN 66

struct engine {
	const char *name;
	void (*create)(const char *dir);
	void *(*open)(const char *dir, bool is_writer);
	void (*close)(void *h);
	/* Replaces *value. Whether there is such a record. */
	bool (*get)(void *h, const char *key, struct buf *value);
	/*
	 * One transaction, durable on return. wait_ns: until the lock was
	 * there.
	 */
	void (*commit)(
	    void *h, const struct record *r, size_t n, uint64_t *wait_ns);
	/* What gives space back; if_due: where the host would do it now. */
	void (*checkpoint)(void *h, bool if_due);
	/* From now on nothing is given back by itself; NULL: it never is. */
	void (*hold)(void *h);
	/* As a crash would leave it for the next open; NULL: nothing to do. */
	void (*forget)(const char *dir);
};

extern const struct engine engine_gatecast;
extern const struct engine engine_gdbm;
extern const struct engine engine_sqlite_full;
extern const struct engine engine_sqlite_normal;

void die(const char *what, const char *why) __attribute__((noreturn));

#endif
