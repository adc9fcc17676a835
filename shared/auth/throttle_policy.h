/*
 * How long to wait after so many failures; apart from where they are kept,
 * and from the clock. Pure.
 *
 * The first few tries are free, each further failure doubles the delay
 * before the next try, and one is forgotten every decay_s. Where the delay
 * has grown to decay_s, both balance: somebody who never stops gets one try
 * every decay_s, for ever.
 */
#ifndef AUTH_THROTTLE_POLICY_H
#define AUTH_THROTTLE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THROTTLE_POLICY_DELAY_MAX_S 900 /* after fails_max failures */

enum throttle_kind {
	THROTTLE_NAME, /* an account, asked for by strangers */
	THROTTLE_ADDRESS, /* IPv4 /32, IPv6 /64 */
	THROTTLE_DEVICE, /* a browser that has signed in to that account */
	THROTTLE_KINDS,
};

struct throttle_policy {
	int64_t
	    fails_free; /* tries without a delay; so many failures have one */
	int64_t fails_max; /* counted no further */
	int64_t decay_s; /* one failure is forgotten */
};

/* The numbers of a kind; static storage. */
const struct throttle_policy *throttle_policy_of(enum throttle_kind kind);

/* Of one account, address or device. All zero: nothing is known. */
struct throttle_state {
	int64_t fails;
	int64_t since_s; /* forgetting is accounted for up to here */
	int64_t until_s; /* no try before */
};

/* Whether it can have come from the functions below. */
bool throttle_policy_is_sane(
    const struct throttle_policy *p, const struct throttle_state *s);

/*
 * Forgets what is due. A clock that was set back since stood still in the
 * meantime: neither is anybody locked out for as long as it was wrong, nor
 * is anything forgiven. true: that was so; unless the state is kept, nothing
 * is forgotten before the clock has caught up.
 */
bool throttle_policy_age(
    const struct throttle_policy *p, struct throttle_state *s, int64_t now_s);

/* Of an aged state: seconds until the next try, 0: now. */
int64_t throttle_policy_wait_s(const struct throttle_state *s, int64_t now_s);

/* Counts a try, as a failure until it is taken back. s is aged. */
void throttle_policy_count(
    const struct throttle_policy *p, struct throttle_state *s, int64_t now_s);

/*
 * The try that left until_s was none: as if it had not been counted, but for
 * the delays of later ones. s is aged.
 */
void throttle_policy_take_back(
    struct throttle_state *s, int64_t until_s, int64_t now_s);

/*
 * What must be given up when there is room for max alone: states with fewer
 * failures than returned. counts[i]: how many states have i failures.
 */
int64_t throttle_policy_floor(const uint64_t *counts, size_t n, uint64_t max);

#endif
