/*
 * A generation in the making: base.new and the journal that goes on from it.
 * Nobody reads either before the base has its name.
 */
#ifndef STORE_GENERATION_H
#define STORE_GENERATION_H

#include "store/base_gdbm.h"
#include "store/files.h"
#include "store/journal.h"

struct generation {
	struct files *files;
	int lock; /* descriptor under which it is made; not ours */
	struct base_builder *builder; /* NULL once the base is finished */
	int journal; /* descriptor; -1 before that */
	struct journal_header header;
	struct journal_next next; /* the finished base, for the seal */
	uint64_t pos; /* end of its journal */
};

/*
 * Makes base.new; whoever has one in g->builder puts records into it. lock:
 * of the lock file, a byte of which keeps others from making one meanwhile.
 */
enum store_err generation_begin(
    struct generation *g, struct files *f, int lock, uint64_t number);

/*
 * STORE_BUSY when lock is the lock file of that name no more: others may have
 * made and installed a generation of this number, whose journal is theirs.
 */
enum store_err generation_check_lock(struct generation *g);

/*
 * Closes, syncs and reads back the base, and makes its journal, empty; all of
 * it on disk. On failure as on any later one generation_undo is due.
 */
enum store_err generation_finish(struct generation *g);

/*
 * Appends the records that stand from..to in the journal behind fd, of that
 * generation. generation_sync makes them count, and durable.
 */
enum store_err generation_carry(
    struct generation *g, int fd, uint64_t number, uint64_t from, uint64_t to);
enum store_err generation_sync(struct generation *g);

/*
 * Gives the base its name: the commit point. The journal in use must be
 * sealed before, W and C be held; the directory be synced after it.
 */
enum store_err generation_install(struct generation *g);

/* Removes what there is of it; not once it is installed. */
void generation_undo(struct generation *g);

/* Closes; the files stay. */
void generation_end(struct generation *g);

#endif
