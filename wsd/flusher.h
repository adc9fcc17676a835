/*
 * Runs the hub's passes when flush_pacer.h says so.
 */
#ifndef WSD_FLUSHER_H
#define WSD_FLUSHER_H

#include "wsd/flush_pacer.h"
#include "wsd/hub.h"
#include "wsd/loop.h"

#include <stdbool.h>

struct flusher {
	struct flush_pacer pacer;
	struct loop *loop;
	struct hub *hub;
	struct loop_timer *rest; /* wakes the loop when one is over */
};

/* loop and hub must outlive it. 0, or -1: no memory. */
int flusher_init(struct flusher *f, struct loop *loop, struct hub *hub);
void flusher_fini(struct flusher *f);

/*
 * A turn is over: a pass, or another turn at once, or later. had_input:
 * somebody said something in it.
 */
void flusher_turn_end(struct flusher *f, bool had_input);

#endif
