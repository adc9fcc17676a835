/*
 * A token bucket in one number (the generic cell rate algorithm): the time
 * at which the bucket will be full again.
 */
#ifndef WSD_RATELIMIT_H
#define WSD_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
	int64_t full_us; /* monotonic; 0 in a fresh bucket */
};

/*
 * Takes one token of a bucket of burst (at least 1) tokens that refills at
 * rate a second; rate 0 is no limit. Returns 0, or the ms after which it is
 * worth trying again (at least 1); nothing was taken then.
 */
int64_t ratelimit_take(
    struct ratelimit *r, int64_t rate, int64_t burst, int64_t mono_ms);

/* Whether nothing would be lost by forgetting it. */
bool ratelimit_is_full(const struct ratelimit *r, int64_t mono_ms);

#endif
