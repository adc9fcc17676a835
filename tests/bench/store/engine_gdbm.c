/*
 * GDBM as a CGI program would use it: opened for each operation, asked again
 * while it refuses (one writer or several readers), synced before the answer.
 */
#include "engine.h"

#include "tests/lib/now.h"

#include <gdbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RETRY_NS 20000

static void
path_of(const char *dir, char path[static 512])
{
	snprintf(path, 512, "%s/plain.gdbm", dir);
}

static GDBM_FILE
open_file(const char *path, int mode)
{
	for (;;) {
		GDBM_FILE db = gdbm_open(path, 0, mode, 0600, NULL);
		if (db != NULL)
			return db;
		if (gdbm_errno != GDBM_CANT_BE_READER &&
		    gdbm_errno != GDBM_CANT_BE_WRITER)
			die("gdbm_open", gdbm_strerror(gdbm_errno));
		nanosleep(&(struct timespec){0, RETRY_NS}, NULL);
	}
}

static datum
to_datum(const char *bytes, size_t n)
{
	union {
		const char *in;
		char *out;
	} u = {.in = bytes};
	return (datum){.dptr = u.out, .dsize = (int)n};
}

static void
create(const char *dir)
{
	char path[512];
	path_of(dir, path);
	gdbm_close(open_file(path, GDBM_NEWDB));
}

/* The handle is the path. */
static void *
open_path(const char *dir, bool is_writer)
{
	char *path = malloc(512);
	(void)is_writer;
	if (path == NULL)
		die("open", "out of memory");
	path_of(dir, path);
	return path;
}

static bool
get(void *h, const char *key, struct buf *value)
{
	GDBM_FILE db = open_file(h, GDBM_READER);
	datum got = gdbm_fetch(db, to_datum(key, RECORD_KEY_LEN));
	buf_reset(value);
	bool is_found = got.dptr != NULL;
	if (is_found)
		buf_append(value, got.dptr, (size_t)got.dsize);
	free(got.dptr);
	gdbm_close(db);
	return is_found;
}

static void
commit(void *h, const struct record *r, size_t n, uint64_t *wait_ns)
{
	uint64_t begin = now_ns();
	GDBM_FILE db = open_file(h, GDBM_WRITER);
	*wait_ns = now_ns() - begin;
	for (size_t i = 0; i < n; i++) {
		datum key = to_datum(r[i].key, RECORD_KEY_LEN);
		if (r[i].value == NULL
			? gdbm_delete(db, key) != 0
			: gdbm_store(db, key,
			      to_datum(r[i].value, r[i].value_len),
			      GDBM_REPLACE) != 0)
			die("gdbm_store", gdbm_strerror(gdbm_errno));
	}
	if (gdbm_sync(db) != 0 || gdbm_close(db) != 0)
		die("gdbm_sync", gdbm_strerror(gdbm_errno));
}

static void
checkpoint(void *h, bool if_due)
{
	if (if_due)
		return; /* nobody does that between two requests */
	GDBM_FILE db = open_file(h, GDBM_WRITER);
	if (gdbm_reorganize(db) != 0 || gdbm_close(db) != 0)
		die("gdbm_reorganize", gdbm_strerror(gdbm_errno));
}

const struct engine engine_gdbm = {
    .name = "plain GDBM",
    .create = create,
    .open = open_path,
    .close = free,
    .get = get,
    .commit = commit,
    .checkpoint = checkpoint,
};
