/*
 * What the hub's fuzzer knows of the hub and the people in it.
 */
#ifndef TESTS_FUZZ_HUB_WORLD_H
#define TESTS_FUZZ_HUB_WORLD_H

#include "base/clock.h"
#include "base/config.h"
#include "tests/unit/fake_transport.h"
#include "wsd/hub.h"

#include <stdlib.h>

#define EPOCH 7
#define PEOPLE 12
#define EVENTS 4096
#define USERS 5
#define SESSIONS 3

struct person {
	struct fake_conn conn;
	struct client *client; /* NULL: gone */
	enum hub_protocol protocol;
	uint64_t joined_seq; /* newest then */
	bool has_cursor;
	uint64_t cursor;
	char session; /* digit */
	size_t revoked_bytes; /* it had then; SIZE_MAX: it was not */
};

struct world {
	struct clock_manual clock;
	struct config config;
	struct hub *hub;
	struct person people[PEOPLE];
	size_t count;
	const uint8_t *data;
	size_t left;
	char *events[EVENTS]; /* by seq, as the witness saw them */
	uint64_t newest;
};

static inline void
check(bool is_true)
{
	if (!is_true)
		abort();
}

static inline uint64_t
newest_seq(struct world *w)
{
	struct hub_stats stats;

	hub_get_stats(w->hub, &stats);
	return stats.seq;
}

#endif
