/*
 * Runs the hub's passes when flush_pacer.h says so.
 */
#ifndef WSD_FLUSHER_H
#define WSD_FLUSHER_H

#include "wsd/flush_pacer.h"
#include "wsd/hub.h"
#include "wsd/loop.h"

#include <stdbool.h>

/*
 * A round is over: a pass, or another round at once. had_input: somebody
 * said something in it.
 */
void flusher_drained(
    struct flush_pacer *p, struct loop *l, struct hub *hub, bool had_input);

#endif
