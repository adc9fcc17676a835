/*
 * Records that survive kill -9 and power loss, with readers that never wait.
 *
 * A store is a directory: an immutable base (base.gdbm, generation N) and an
 * append-only journal.N; each process keeps an overlay of what the journal
 * adds. No GDBM file is ever changed in place. See shared/DESIGN.md for the
 * formats, the lock protocol and the failure table.
 *
 * A handle belongs to one thread of one process: open it after fork.
 * Keys: 1..STORE_KEY_MAX bytes; values: 0..STORE_VALUE_MAX bytes. Keys that
 * begin with '!' are the store's own and refused.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEY_MAX 256
#define STORE_VALUE_MAX 65536

enum store_err {
	STORE_OK = 0,
	STORE_NOTFOUND, /* no such key */
	STORE_MISSING, /* no store in that directory */
	STORE_CORRUPT, /* a file is not what it must be */
	STORE_VERSION, /* a file of another version of gatecast */
	STORE_DENIED, /* permissions, wrong file type */
	STORE_BUSY, /* another writer held the lock for lock_wait_ms */
	STORE_FULL, /* no space; old data intact */
	STORE_READONLY, /* opened for reading, or fdatasync failed earlier */
	STORE_IO, /* any other error of the system */
	STORE_NOMEM,
	STORE_INVALID, /* the caller's key, value or order of calls */
};

struct store_opts {
	const char *dir;
	bool is_writer; /* else: read permission only, never writes */
	bool has_sync; /* fdatasync before a commit is acknowledged */
	int lock_wait_ms; /* a writer's longest wait for the lock */
	int64_t reserve_bytes; /* kept free for deletes (writer) */
	unsigned forbidden_mode; /* refused on the directory and its files */
};

struct store;

/*
 * Makes an empty store: the directory (mode) unless it is there, base and
 * journal with the directory's group and mode & 0660. STORE_OK also when one
 * is already there. detail as for store_open.
 */
enum store_err store_create(const char *dir, unsigned mode, struct buf *detail);

/*
 * Opens; opening is recovery. dir is copied. On failure *out is NULL and, if
 * detail is not NULL, it gets "PATH: what is wrong and what to do".
 */
enum store_err store_open(
    const struct store_opts *opts, struct store **out, struct buf *detail);
void store_close(struct store *s);

/* One short phrase for the enum; static storage. */
const char *store_strerror(enum store_err err);

/* Which file and what to do, for the last failure; "" if none. */
const char *store_detail(const struct store *s);

/*
 * Catches up with what other processes committed. Readers take no lock.
 * Cheap when nothing changed (one lseek).
 */
enum store_err store_refresh(struct store *s);

/* Refreshes, then replaces *value's content. The hot path of validation. */
enum store_err
store_get(struct store *s, const void *key, size_t key_len, struct buf *value);

/*
 * A transaction: begin takes the writer lock and catches up, so gets between
 * begin and commit read the latest state and nobody else writes. Puts and
 * deletes are seen by gets of this handle at once; others see all of them or
 * none. Commit = publish + sync; a failed publish leaves nothing behind and
 * ends the transaction, as abort does.
 */
enum store_err store_begin(struct store *s);

/* The same, but waits at most wait_ms (0: not at all) for the lock. */
enum store_err store_begin_within(struct store *s, int wait_ms);
enum store_err store_put(struct store *s, const void *key, size_t key_len,
    const void *value, size_t value_len);
enum store_err store_del(struct store *s, const void *key, size_t key_len);
enum store_err store_commit(struct store *s);
void store_abort(struct store *s);

/*
 * After begin: this transaction ends something, as a lock of an account does,
 * and must not fail for want of space. As one of deletes alone it gives up
 * the reserve if it has to. For few and small puts.
 */
void store_use_reserve(struct store *s);

/*
 * The halves of commit: publish appends the record and frees the lock, sync
 * makes everything published by this handle durable (shared with concurrent
 * commits of others). Nothing is acknowledged before sync returned STORE_OK.
 */
enum store_err store_publish(struct store *s);
enum store_err store_sync(struct store *s);

/*
 * Calls visit for each live record of one consistent state (base and overlay
 * at the time of the call). The visitor must not use this handle; collect,
 * then delete. visit returns 0 to go on; anything else ends the walk.
 */
typedef int store_visit(void *arg, const void *key, size_t key_len,
    const void *value, size_t value_len);
enum store_err store_each(struct store *s, store_visit *visit, void *arg);

/*
 * What catching up saw. key NULL: the generation changed and anything may
 * have; look again at everything held. value NULL: the key was deleted.
 * Called from store_refresh and whatever refreshes, own commits included;
 * must not use the handle.
 */
typedef void store_observe(void *arg, const void *key, size_t key_len,
    const void *value, size_t value_len);
void store_set_observer(struct store *s, store_observe *fn, void *arg);

/*
 * Writes a new generation without the journal's history. drop (may be NULL)
 * says which records have expired. Never on a request's path. STORE_BUSY if
 * another checkpoint runs.
 */
typedef bool store_drop(void *arg, const void *key, size_t key_len,
    const void *value, size_t value_len);
enum store_err store_checkpoint(struct store *s, store_drop *drop, void *arg);

/*
 * Writes a new generation whose whole content is what fill adds; what was
 * there before is gone. Whole or not at all. The writer lock is held
 * throughout, so whatever fill reads from this handle stays true; it must not
 * write with it. A key added twice has its last value. fill returns STORE_OK,
 * or an error with which all stays as it was and store_replace returns.
 */
struct store_content;
enum store_err store_add(struct store_content *c, const void *key,
    size_t key_len, const void *value, size_t value_len);
typedef enum store_err store_fill(void *arg, struct store_content *c);
enum store_err store_replace(struct store *s, store_fill *fill, void *arg);

/*
 * The same for a store that store_open calls damaged: whatever is there is
 * kept beside it as NAME.damaged-TIME. fill NULL: it is empty then. The
 * directory must be there. detail as for store_open.
 */
enum store_err store_rebuild(const char *dir, int lock_wait_ms,
    store_fill *fill, void *arg, struct buf *detail);

/* Whether the journal has grown past the point where one pays. */
bool store_wants_checkpoint(const struct store *s);

/*
 * Whether to make one between two requests: it pays, and no other process is
 * at one already or holds the writers' lock, who may hold it for long.
 */
bool store_may_checkpoint(struct store *s);

/*
 * Whether an fdatasync has failed: what was published last may be lost, so
 * changes are STORE_READONLY for good; reading goes on. Another handle of the
 * same process would not know, since the system tells of the failure once.
 */
bool store_is_broken(const struct store *s);

/* For inotify: the store's directory; valid until close. */
const char *store_dir(const struct store *s);

struct store_stats {
	uint64_t generation;
	uint64_t records; /* live */
	int64_t base_bytes;
	int64_t journal_bytes;
};
enum store_err store_stats(struct store *s, struct store_stats *out);

#endif
