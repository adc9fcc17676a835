/*
 * What one receiver saw of a stream of numbers that begins at 1: holes,
 * repetitions and swaps. A number that comes after a larger one is late when
 * it is among the 64 before that one and was missing, and a repetition
 * otherwise.
 */
#ifndef BENCH_LOAD_ORDER_H
#define BENCH_LOAD_ORDER_H

#include <stdint.h>

#define ORDER_WINDOW 64

/* All zero: nothing seen yet. */
struct order {
	uint64_t last; /* the largest number seen */
	uint64_t seen; /* bit i: last - i was seen */
};

struct order_faults {
	uint64_t lost, doubled, swapped;
};

/* Takes the next number; 1 when it is new to this receiver, 0 when not. */
static inline int
order_take(struct order *o, uint64_t number, struct order_faults *faults)
{
	if (number > o->last) {
		uint64_t step = number - o->last;
		faults->lost += step - 1;
		o->seen = step < ORDER_WINDOW ? o->seen << step : 0;
		o->seen |= 1;
		o->last = number;
		return 1;
	}
	uint64_t back = o->last - number;
	if (back >= ORDER_WINDOW || (o->seen >> back & 1) != 0) {
		faults->doubled++;
		return 0;
	}
	o->seen |= (uint64_t)1 << back;
	faults->lost--;
	faults->swapped++;
	return 1;
}

/* At the end, when numbers up to sent were sent. */
static inline void
order_end(const struct order *o, uint64_t sent, struct order_faults *faults)
{
	if (sent > o->last)
		faults->lost += sent - o->last;
}

#endif
