/*
 * What store.c, store_write.c, checkpoint.c and rebuild.c share; for nobody
 * else.
 */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include "store/files.h"
#include "store/generation.h"
#include "store/overlay.h"
#include "store/store.h"
#include "store/view.h"

struct store {
	struct files files;
	char *base_path;
	bool is_writer;
	bool has_sync;
	int lock_wait_ms;
	int64_t reserve_bytes;

	int lock; /* descriptor of the lock file; -1 for a reader */
	struct view view;
	bool is_loaded;
	bool is_broken; /* fdatasync failed: nothing more is written */
	bool is_unsynced; /* published, not yet known to be on disk */
	int64_t looked_ms; /* when the base was last looked at by name */

	bool is_in_txn;
	bool has_put; /* the transaction is more than deletes */
	bool has_reserve; /* and may use the reserve nevertheless */
	struct buf record; /* being built */
	struct overlay pending;

	store_observe *observe;
	void *observe_arg;
};

/* A key that a user of the store may have. */
bool impl_is_key(const void *key, size_t key_len);

/* fdatasync of the journal. A failure ends this handle's writing. */
enum store_err impl_sync(struct store *s);

/*
 * Takes a byte of the lock file, waiting up to wait_ms, and makes sure that
 * it is the file everybody else locks. Then catches up.
 */
enum store_err impl_lock(struct store *s, off_t byte, int wait_ms);
void impl_unlock(struct store *s, off_t byte);

/* Catches up; has_lock: looks at the base by name in any case. */
enum store_err impl_refresh(struct store *s, bool has_lock);

/*
 * Appends the record in b, body complete, at the end of the journal, whose
 * torn tail is cut off before. W must be held, the view be fresh.
 */
enum store_err impl_append(struct store *s, struct buf *b);

/* What a store_fill adds to. */
struct store_content {
	struct store *store;
	struct base_builder *builder;
	enum store_err err; /* the first failure of store_add stays */
};

/*
 * Begins that generation, under C of lock, with what fill (NULL: nothing)
 * adds. On failure it is undone.
 */
enum store_err impl_build(struct store *s, int lock, uint64_t number,
    store_fill *fill, void *arg, struct generation *g);

#endif
