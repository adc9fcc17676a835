/*
 * What view.c and view_load.c share; for nobody else.
 */
#ifndef STORE_VIEW_IMPL_H
#define STORE_VIEW_IMPL_H

#include "store/view.h"

#include <stddef.h>
#include <stdint.h>

/* The end of each message about damage. */
#define VIEW_RESTORE "; restore from a backup: gatecast store restore"

/*
 * Reads n bytes at offset of the journal into v->scratch; fewer at the end of
 * the file. 0, or -1 with errno.
 */
int view_read(struct view *v, size_t n, uint64_t offset);

/* For messages; valid until the next call. */
const char *view_journal_name(const struct view *v);

#endif
