/*
 * One generation as a process holds it: the base, the journal's descriptor
 * and the overlay of what has been read from it so far.
 */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/base_gdbm.h"
#include "store/files.h"
#include "store/journal.h"
#include "store/overlay.h"
#include "store/store.h"

struct view {
	struct base *base;
	struct files_id base_id;
	int journal; /* descriptor; -1: nothing is loaded */
	uint64_t generation;
	uint64_t pos; /* end of the records in the overlay */
	uint64_t durable; /* known to be on disk up to here */
	uint64_t judged; /* file size when the tail was found to be torn */
	bool is_sealed; /* the last record says: the base may go any time */
	struct journal_next next; /* and that this one may come */
	struct overlay overlay;
	struct buf scratch;
};

void view_init(struct view *v);
void view_fini(struct view *v); /* leaves it initialized */

/*
 * Opens the base that has its name at this moment with the journal that
 * belongs to it. is_writer: the journal is opened for appending. next (may be
 * NULL): of the seal that stood in the journal held until now; that base need
 * not be checked again. Where checkpoints run meanwhile it begins again.
 */
enum store_err view_load(struct view *v, struct files *f, bool is_writer,
    const struct journal_next *next);

/*
 * Reads the journal on from pos, up to size. fn (may be NULL) sees each op.
 * An unfinished record at the end is left alone. STORE_NOMEM leaves a view
 * that must be loaded again.
 */
enum store_err view_catch_up(struct view *v, struct files *f, uint64_t size,
    store_observe *fn, void *arg);

/* Puts the ops of one record's body, which ends at v->pos, into the overlay. */
enum store_err view_apply(struct view *v, const uint8_t *body, size_t n,
    store_observe *fn, void *arg);

/* Overlay, else base; appends to value (may be NULL). */
enum store_err
view_get(struct view *v, const void *key, size_t key_len, struct buf *value);

/* All live records, with those of over (may be NULL) above the view's own. */
enum store_err view_each(
    struct view *v, const struct overlay *over, store_visit *visit, void *arg);

#endif
