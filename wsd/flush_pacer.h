/*
 * When the next pass over the broadcast set may start.
 *
 * A pass costs one send a receiver, however many messages it carries. Alone
 * a message goes out at once. When passes follow one another, each waits as
 * long as the last one took: what comes in meanwhile shares the next pass,
 * so the cost of a delivery falls as the load rises, and half the time is
 * left for reading. Pure: nanoseconds in, nanoseconds out.
 */
#ifndef WSD_FLUSH_PACER_H
#define WSD_FLUSH_PACER_H

#include <stdint.h>

struct flush_pacer {
	int64_t ended_ns; /* of the last pass; 0: none yet */
	int64_t cost_ns; /* of the last pass */
};

/* A pass that never finishes soon must not hold back the next for ever. */
#define FLUSH_PACER_WAIT_MAX_NS 10000000

/* How long to wait before a pass; 0: now. */
int64_t flush_pacer_wait_ns(const struct flush_pacer *p, int64_t now_ns);

/* A pass ended, having taken so long. */
void flush_pacer_note(struct flush_pacer *p, int64_t ended_ns, int64_t cost_ns);

#endif
