/*
 * Runs the hub's passes when flush_pacer.h says so.
 */
#ifndef WSD_FLUSHER_H
#define WSD_FLUSHER_H

#include "wsd/hub.h"
#include "wsd/loop.h"

struct flusher;

/* NULL with errno. */
struct flusher *flusher_new(struct loop *l, struct hub *hub);

/* All input has been read: a pass now, or a date for one. Once a round. */
void flusher_drained(struct flusher *f);

void flusher_free(struct flusher *f); /* NULL is legal */

#endif
