/*
 * A throttle record that was taken can be written, and is then read as the
 * same. Whatever it says, nobody waits longer than the longest delay and one
 * forgetting, at any time of the clock, and what comes of it is sane.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/record.h"

#define CHECK(what)              \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
follow(const struct throttle_policy *p, struct throttle_state s, int64_t now_s)
{
	throttle_policy_age(p, &s, now_s);
	CHECK(throttle_policy_is_sane(p, &s) && s.since_s <= now_s);
	CHECK(throttle_policy_wait_s(&s, now_s) <=
	    THROTTLE_POLICY_DELAY_MAX_S + p->decay_s);
	throttle_policy_count(p, &s, now_s);
	CHECK(throttle_policy_is_sane(p, &s) && s.fails > 0);
	throttle_policy_take_back(&s, s.until_s, now_s);
	CHECK(throttle_policy_is_sane(p, &s));
	CHECK(throttle_policy_wait_s(&s, now_s) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_throttle r, again;
	struct buf text = BUF_INIT;

	if (record_get_throttle((const char *)data, size, &r) != 0)
		return 0;
	CHECK(record_put_throttle(&r, &text) == 0);
	CHECK(record_get_throttle(text.data, text.len, &again) == 0);
	CHECK(memcmp(&r, &again, sizeof(r)) == 0);
	for (int kind = 0; kind < THROTTLE_KINDS; kind++) {
		const struct throttle_policy *p =
		    throttle_policy_of((enum throttle_kind)kind);
		const int64_t times_s[] = {0, 1, 1700000000, r.state.since_s,
		    r.state.since_s / 2, INT64_MAX / 2};

		if (!throttle_policy_is_sane(p, &r.state))
			continue;
		for (size_t i = 0; i < sizeof(times_s) / sizeof(times_s[0]);
		     i++)
			if (times_s[i] < INT64_MAX - 1000)
				follow(p, r.state, times_s[i]);
	}
	buf_fini(&text);
	return 0;
}
