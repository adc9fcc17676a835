/*
 * The numbers. An account: 5 tries, then 4, 8, 16 … 900 s; against a guesser
 * who never stops, about 100 tries a day from the whole world. An address:
 * 20 tries, since many people may sit behind one, then growing to a minute.
 * A device has an account's numbers, so that a stolen one is worth no more
 * than being a stranger.
 */
#include "auth/throttle_policy.h"

#define DELAY_FIRST_S 4
#define DOUBLINGS 8 /* of it reach the longest */

#define POLICY(free, decay)                   \
	{                                     \
		free, free + DOUBLINGS, decay \
	}

const struct throttle_policy *
throttle_policy_of(enum throttle_kind kind)
{
	static const struct throttle_policy policies[THROTTLE_KINDS] = {
	    [THROTTLE_NAME] = POLICY(5, 900),
	    [THROTTLE_ADDRESS] = POLICY(20, 60),
	    [THROTTLE_DEVICE] = POLICY(5, 900),
	};

	return &policies[kind];
}

static int64_t
delay_s(const struct throttle_policy *p, int64_t fails)
{
	if (fails < p->fails_free)
		return 0;
	int64_t delay = (int64_t)DELAY_FIRST_S << (fails - p->fails_free);
	return delay < THROTTLE_POLICY_DELAY_MAX_S
	    ? delay
	    : THROTTLE_POLICY_DELAY_MAX_S;
}

bool
throttle_policy_is_sane(
    const struct throttle_policy *p, const struct throttle_state *s)
{
	return s->fails >= 0 && s->fails <= p->fails_max && s->since_s >= 0 &&
	    s->until_s >= 0 &&
	    s->until_s - s->since_s <= p->decay_s + THROTTLE_POLICY_DELAY_MAX_S;
}

bool
throttle_policy_age(
    const struct throttle_policy *p, struct throttle_state *s, int64_t now_s)
{
	bool is_back = s->since_s > now_s;

	if (is_back) {
		s->until_s -= s->since_s - now_s;
		if (s->until_s < 0)
			s->until_s = 0;
		s->since_s = now_s;
	}
	int64_t forgotten = (now_s - s->since_s) / p->decay_s;
	if (forgotten >= s->fails) {
		s->fails = 0;
		s->since_s = now_s;
	} else {
		s->fails -= forgotten;
		s->since_s += forgotten * p->decay_s;
	}
	return is_back;
}

int64_t
throttle_policy_wait_s(const struct throttle_state *s, int64_t now_s)
{
	return s->until_s > now_s ? s->until_s - now_s : 0;
}

void
throttle_policy_count(
    const struct throttle_policy *p, struct throttle_state *s, int64_t now_s)
{
	if (s->fails < p->fails_max)
		s->fails++;
	s->until_s = now_s + delay_s(p, s->fails);
}

void
throttle_policy_take_back(
    struct throttle_state *s, int64_t until_s, int64_t now_s)
{
	if (s->fails > 0)
		s->fails--;
	if (s->until_s == until_s)
		s->until_s = now_s;
}

int64_t
throttle_policy_floor(const uint64_t *counts, size_t n, uint64_t max)
{
	uint64_t kept = 0;
	size_t floor = n;

	while (floor > 0 && counts[floor - 1] <= max - kept)
		kept += counts[--floor];
	return (int64_t)floor;
}
