/*
 * When the next pass over the broadcast set starts.
 *
 * A pass costs one send a receiver, however many messages it carries. Alone
 * a message goes out at once; a burst is let in first, for at most as long
 * as the last pass took, so the cost of a delivery falls as the load rises.
 * There is no wait beyond that: passes that follow one another share what
 * came in meanwhile by themselves. (Resting between them, tried and
 * measured, cost latency at every load and throughput at the highest.)
 *
 * Joins and leaves alone start a pass at once too, but then not again until
 * nine times as long has gone by as it took: a storm of them costs a tenth of
 * the processor and not all of it. Whatever is said takes them along.
 *
 * Pure: nanoseconds in, a decision out.
 */
#ifndef WSD_FLUSH_PACER_H
#define WSD_FLUSH_PACER_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: no pass yet. */
struct flush_pacer {
	int64_t gathering_ns; /* since when a burst is let in; 0: it is not */
	int64_t cost_ns; /* of the last pass */
	int64_t rest_from_ns; /* after one over everyone */
	int64_t rest_ns;
};

/*
 * A round of reading is over and there is something to write: whether to
 * write it now. had_input: something was said in this round, so there may be
 * more to read first.
 */
bool flush_pacer_is_due(struct flush_pacer *p, int64_t now_ns, bool had_input);

/* A pass took so long. */
void flush_pacer_note(struct flush_pacer *p, int64_t cost_ns);

/* It went over everyone and ended now; to be called behind that. */
void flush_pacer_rest(struct flush_pacer *p, int64_t now_ns);

/* How long joins and leaves alone have still to wait; 0: not at all. */
int64_t flush_pacer_rest_ns(const struct flush_pacer *p, int64_t now_ns);

#endif
