/*
 * A latency histogram: log-linear buckets over nanoseconds, 64 to each
 * power of two, so any quantile is within 1.6 % of the sample it stands for.
 */
#ifndef TESTS_LIB_HIST_H
#define TESTS_LIB_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_BUCKETS ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t counts[HIST_BUCKETS];
	uint64_t n;
	uint64_t max_ns;
};

static inline size_t
hist_bucket(uint64_t ns)
{
	if (ns < (1u << HIST_SUB_BITS))
		return (size_t)ns;
	unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_SUB_BITS;
	return ((size_t)(shift + 1) << HIST_SUB_BITS) +
	    (size_t)((ns >> shift) - (1u << HIST_SUB_BITS));
}

static inline void
hist_add(struct hist *h, uint64_t ns)
{
	h->counts[hist_bucket(ns)]++;
	h->n++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

/* What is in one as well goes into the other. */
static inline void
hist_merge(struct hist *into, const struct hist *from)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		into->counts[i] += from->counts[i];
	into->n += from->n;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

/* The lower edge of the bucket in which the quantile q (0..1) falls. */
static inline uint64_t
hist_quantile_ns(const struct hist *h, double q)
{
	uint64_t rank = (uint64_t)(q * (double)h->n);
	uint64_t seen = 0;

	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->counts[i];
		if (seen <= rank)
			continue;
		if (i < (1u << HIST_SUB_BITS))
			return i;
		unsigned shift = (unsigned)(i >> HIST_SUB_BITS) - 1;
		uint64_t sub = i & ((1u << HIST_SUB_BITS) - 1);
		return (sub + (1u << HIST_SUB_BITS)) << shift;
	}
	return h->max_ns;
}

#endif
