/*
 * No waiting for passes so short that a timer would cost as much as they do:
 * in a small room every message goes out at once at any rate.
 */
#include "wsd/flush_pacer.h"

#define WORTH_WAITING_NS 200000

int64_t
flush_pacer_wait_ns(const struct flush_pacer *p, int64_t now_ns)
{
	if (p->ended_ns == 0 || p->cost_ns < WORTH_WAITING_NS)
		return 0;
	int64_t wait = p->cost_ns;
	if (wait > FLUSH_PACER_WAIT_MAX_NS)
		wait = FLUSH_PACER_WAIT_MAX_NS;
	int64_t left = p->ended_ns + wait - now_ns;
	/* A clock that went back must not make it longer. */
	if (left > wait)
		left = wait;
	return left > 0 ? left : 0;
}

void
flush_pacer_note(struct flush_pacer *p, int64_t ended_ns, int64_t cost_ns)
{
	p->ended_ns = ended_ns;
	p->cost_ns = cost_ns > 0 ? cost_ns : 0;
}
