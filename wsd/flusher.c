#include "wsd/flusher.h"

#include <time.h>

#define NS_PER_S 1000000000

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void
flusher_drained(
    struct flush_pacer *p, struct loop *l, struct hub *hub, bool had_input)
{
	if (!hub_is_dirty(hub))
		return;
	if (!flush_pacer_is_due(p, now_ns(CLOCK_MONOTONIC), had_input)) {
		loop_again(l);
		return;
	}
	/* What it took of the processor: on a busy machine the clock would
	 * count the time of others. */
	int64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	hub_flush(hub);
	flush_pacer_note(p, now_ns(CLOCK_THREAD_CPUTIME_ID) - start);
}
