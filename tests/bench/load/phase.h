/*
 * How messages are sent: by the clock, or whenever fewer than so many are
 * under way; and the wait for what is still to come.
 */
#ifndef BENCH_LOAD_PHASE_H
#define BENCH_LOAD_PHASE_H

#include "tests/bench/load/crowd.h"

#include <sys/types.h>

struct phase_opts {
	double rate; /* messages a second; 0: by inflight */
	int inflight;
	double patience_s; /* without a delivery: what is missing is lost */
	pid_t pid; /* the server's, for its memory; 0: none */
};

struct phase_peaks {
	long rss_kib, tcp_kib; /* looked at ten times a second */
};

/*
 * Sends until until_ns, or until somebody is disconnected. With rate and a
 * server that is CROWD_WINDOW messages behind it sends no more than that.
 */
void phase_load(struct crowd *c, const struct phase_opts *o, uint64_t until_ns,
    struct phase_peaks *peaks);

/*
 * Waits for what was sent, but at most four times the patience. What has not
 * come is counted as lost, unless the server was still at it: then the
 * deliveries that are outstanding are returned, else 0.
 */
uint64_t phase_drain(struct crowd *c, const struct phase_opts *o);

#endif
