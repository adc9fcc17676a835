/* What a crowd sees, as counts and times. */
#ifndef TESTS_TOOLS_CROWD_SEEN_H
#define TESTS_TOOLS_CROWD_SEEN_H

#include "tests/lib/hist.h"

#include <stddef.h>
#include <stdint.h>

struct seen {
	uint64_t joins, leaves, messages, acks;
	uint64_t lost; /* numbers that did not come and no gap told of */
	uint64_t
	    wrong; /* numbers that do not rise, cursors that moved, errors */
	uint64_t fresh, resumed; /* who came back */
	uint64_t gaps, cut, refused, unreachable;
	struct hist latency; /* from said to heard */
	struct hist arrival; /* from wanted to be here to hello */
};

/* One line of JSON on stdout, with how many are here. */
void seen_print(const struct seen *s, size_t here);

#endif
