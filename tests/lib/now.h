/* The clock of all times that tools and benchmarks take. */
#ifndef TESTS_LIB_NOW_H
#define TESTS_LIB_NOW_H

#include <stdint.h>
#include <time.h>

#define NOW_NS_PER_MS UINT64_C(1000000)

/* CLOCK_MONOTONIC */
static inline uint64_t
now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * NOW_NS_PER_MS +
	    (uint64_t)ts.tv_nsec;
}

#endif
