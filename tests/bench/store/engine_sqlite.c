/*
 * SQLite in WAL mode with its other settings as they come: prepared
 * statements, a connection that stays open, BEGIN IMMEDIATE, busy_timeout.
 */
#include "engine.h"

#include "tests/lib/now.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUSY_MS 10000

struct handle {
	sqlite3 *db;
	sqlite3_stmt *get, *put, *del, *begin, *commit;
};

static void
run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
}

static sqlite3 *
open_db(const char *dir, const char *synchronous)
{
	char path[512];
	sqlite3 *db;
	snprintf(path, sizeof(path), "%s/db.sqlite", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		die(path, "sqlite3_open");
	sqlite3_busy_timeout(db, BUSY_MS);
	/* What a crash leaves is what the next open shall find. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	run(db, synchronous);
	return db;
}

static void
create(const char *dir)
{
	sqlite3 *db = open_db(dir, "PRAGMA synchronous=FULL");
	run(db, "PRAGMA journal_mode=WAL");
	run(db,
	    "CREATE TABLE s (k BLOB PRIMARY KEY, v BLOB NOT NULL) "
	    "WITHOUT ROWID");
	sqlite3_close(db);
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	return st;
}

static void *
open_with(const char *dir, const char *synchronous)
{
	struct handle *h = malloc(sizeof(*h));
	if (h == NULL)
		die("open", "out of memory");
	h->db = open_db(dir, synchronous);
	h->get = prepare(h->db, "SELECT v FROM s WHERE k=?");
	h->put = prepare(h->db, "INSERT OR REPLACE INTO s VALUES (?,?)");
	h->del = prepare(h->db, "DELETE FROM s WHERE k=?");
	h->begin = prepare(h->db, "BEGIN IMMEDIATE");
	h->commit = prepare(h->db, "COMMIT");
	return h;
}

static void *
open_full(const char *dir, bool is_writer)
{
	(void)is_writer;
	return open_with(dir, "PRAGMA synchronous=FULL");
}

static void *
open_normal(const char *dir, bool is_writer)
{
	(void)is_writer;
	return open_with(dir, "PRAGMA synchronous=NORMAL");
}

static void
close_db(void *handle)
{
	struct handle *h = handle;
	sqlite3_finalize(h->get);
	sqlite3_finalize(h->put);
	sqlite3_finalize(h->del);
	sqlite3_finalize(h->begin);
	sqlite3_finalize(h->commit);
	sqlite3_close(h->db);
	free(h);
}

static void
step(struct handle *h, sqlite3_stmt *st)
{
	if (sqlite3_step(st) != SQLITE_DONE)
		die(sqlite3_sql(st), sqlite3_errmsg(h->db));
	sqlite3_reset(st);
}

static bool
get(void *handle, const char *key, struct buf *value)
{
	struct handle *h = handle;
	sqlite3_bind_blob(h->get, 1, key, RECORD_KEY_LEN, SQLITE_STATIC);
	int rc = sqlite3_step(h->get);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		die("SELECT", sqlite3_errmsg(h->db));
	buf_reset(value);
	if (rc == SQLITE_ROW)
		buf_append(value, sqlite3_column_blob(h->get, 0),
		    (size_t)sqlite3_column_bytes(h->get, 0));
	sqlite3_reset(h->get);
	return rc == SQLITE_ROW;
}

static void
commit(void *handle, const struct record *r, size_t n, uint64_t *wait_ns)
{
	struct handle *h = handle;
	uint64_t begin = now_ns();
	step(h, h->begin);
	*wait_ns = now_ns() - begin;
	for (size_t i = 0; i < n; i++) {
		sqlite3_stmt *st = r[i].value == NULL ? h->del : h->put;
		sqlite3_bind_blob(
		    st, 1, r[i].key, RECORD_KEY_LEN, SQLITE_STATIC);
		if (r[i].value != NULL)
			sqlite3_bind_blob(st, 2, r[i].value,
			    (int)r[i].value_len, SQLITE_STATIC);
		step(h, st);
	}
	step(h, h->commit);
}

static void
checkpoint(void *handle, bool if_due)
{
	struct handle *h = handle;
	if (!if_due) /* else SQLite does it by itself */
		run(h->db, "PRAGMA wal_checkpoint(PASSIVE)");
}

static void
hold(void *handle)
{
	struct handle *h = handle;
	run(h->db, "PRAGMA wal_autocheckpoint=0");
}

/* Without the shared index of the log, which no restart of the machine keeps.
 */
static void
forget(const char *dir)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/db.sqlite-shm", dir);
	unlink(path);
}

const struct engine engine_sqlite_full = {
    .name = "SQLite FULL",
    .create = create,
    .open = open_full,
    .close = close_db,
    .get = get,
    .commit = commit,
    .checkpoint = checkpoint,
    .hold = hold,
    .forget = forget,
};

const struct engine engine_sqlite_normal = {
    .name = "SQLite NORMAL",
    .create = create,
    .open = open_normal,
    .close = close_db,
    .get = get,
    .commit = commit,
    .checkpoint = checkpoint,
    .hold = hold,
    .forget = forget,
};
