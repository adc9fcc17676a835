/*
 * One number a user instead of a count and a time of refill: nothing to
 * refill, and no drift from rounding.
 */
#include "wsd/ratelimit.h"

#define US_PER_MS 1000
#define US_PER_S 1000000
#define BURST_MAX 1000000000

int64_t
ratelimit_take(
    struct ratelimit *r, int64_t rate, int64_t burst, int64_t mono_ms)
{
	if (rate <= 0)
		return 0;
	if (burst < 1)
		burst = 1;
	if (burst > BURST_MAX)
		burst = BURST_MAX;
	int64_t token_us = US_PER_S / rate;
	if (token_us < 1)
		token_us = 1;
	int64_t now_us = mono_ms * US_PER_MS;
	int64_t full_us = r->full_us > now_us ? r->full_us : now_us;
	int64_t wait_us = full_us + token_us - now_us - burst * token_us;
	if (wait_us > 0)
		return (wait_us + US_PER_MS - 1) / US_PER_MS;
	r->full_us = full_us + token_us;
	return 0;
}

bool
ratelimit_is_full(const struct ratelimit *r, int64_t mono_ms)
{
	return r->full_us <= mono_ms * US_PER_MS;
}
