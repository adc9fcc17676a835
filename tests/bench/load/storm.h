/*
 * Handshakes and nothing else: so many at a time, each connection reset as
 * soon as it is open.
 */
#ifndef BENCH_LOAD_STORM_H
#define BENCH_LOAD_STORM_H

#include "tests/lib/hist.h"
#include "tests/lib/ws_client.h"

#include <stddef.h>
#include <stdint.h>

#define STORM_AT_ONCE_MAX 1024

/*
 * Until until_ns (CLOCK_MONOTONIC), at_once of them under way; *done counts
 * those answered, and their times from connect to answer go into times.
 * NULL, or why one failed (valid until the next call).
 */
const char *storm_run(const struct ws_client_request *r, size_t at_once,
    uint64_t until_ns, uint64_t *done, struct hist *times);

#endif
