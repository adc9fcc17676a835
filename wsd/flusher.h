/*
 * Runs the hub's passes when flush_pacer.h says so.
 */
#ifndef WSD_FLUSHER_H
#define WSD_FLUSHER_H

#include "wsd/hub.h"
#include "wsd/loop.h"

#include <stdbool.h>

struct flusher;

/* NULL with errno. */
struct flusher *flusher_new(struct loop *l, struct hub *hub);

/*
 * A round is over: a pass now, or a date for one. had_input: somebody said
 * something in this round, so there may be more to read first.
 */
void flusher_drained(struct flusher *f, bool had_input);

void flusher_free(struct flusher *f); /* NULL is legal */

#endif
