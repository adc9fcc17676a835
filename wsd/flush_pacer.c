#include "wsd/flush_pacer.h"

#define REST 9 /* times what the pass took */

bool
flush_pacer_is_due(struct flush_pacer *p, int64_t now_ns, bool had_input)
{
	/* A clock that went back ends the gathering too. */
	bool is_over = p->gathering_ns != 0 &&
	    (now_ns < p->gathering_ns || now_ns - p->gathering_ns > p->cost_ns);

	if (had_input && p->cost_ns > 0 && !is_over) {
		if (p->gathering_ns == 0)
			p->gathering_ns = now_ns;
		return false;
	}
	p->gathering_ns = 0;
	return true;
}

void
flush_pacer_note(struct flush_pacer *p, int64_t cost_ns)
{
	p->cost_ns = cost_ns > 0 ? cost_ns : 0;
}

void
flush_pacer_rest(struct flush_pacer *p, int64_t now_ns)
{
	p->rest_from_ns = now_ns;
	p->rest_ns = p->cost_ns * REST;
}

int64_t
flush_pacer_rest_ns(const struct flush_pacer *p, int64_t now_ns)
{
	int64_t rested_ns = now_ns - p->rest_from_ns;

	/* A clock that went back ends it. */
	return rested_ns < 0 || rested_ns >= p->rest_ns
	    ? 0
	    : p->rest_ns - rested_ns;
}
