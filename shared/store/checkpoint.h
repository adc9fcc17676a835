/*
 * The next generation. store_create and store_checkpoint are declared in
 * store.h; this is what both are made of, for `gatecast store restore`.
 */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "store/base_gdbm.h"
#include "store/files.h"

/* A builder for base.new. */
enum store_err checkpoint_begin(struct files *f, struct base_builder **out);

/*
 * Finishes base.new as that generation and makes its empty journal, both on
 * disk. Frees b.
 */
enum store_err checkpoint_prepare(
    struct files *f, struct base_builder *b, uint64_t generation);

/*
 * Gives base.new its name: the commit point. Before it, W and C must be held
 * and the journal in use be sealed. *is_done: the new base is in place, even
 * if the directory could not be synced after it.
 */
enum store_err checkpoint_install(struct files *f, bool *is_done);

/* Removes base.new and the prepared journal. */
void checkpoint_undo(struct files *f, uint64_t generation);

#endif
