/*
 * The hub's inside, for hub*.c alone.
 */
#ifndef WSD_HUB_IMPL_H
#define WSD_HUB_IMPL_H

#include "wsd/held.h"
#include "wsd/hub.h"
#include "wsd/presence.h"
#include "wsd/refs.h"
#include "wsd/room.h"
#include "wsd/tally.h"
#include "wsd/wheel.h"

struct hub {
	struct room room;
	struct held held;
	struct tally addresses;
	struct refs refs;
	struct wheel pings;
	uint64_t joins; /* spreads the pings */
	uint64_t messages;
	struct buf cleaned; /* a plain client's text */
	bool is_draining;
};

/* Closes the most expensive when wsd.max_memory is used up. */
void hub_relieve(struct hub *h);

static inline int64_t
hub_mono_ms(const struct hub *h)
{
	return clock_mono_ms(h->room.clock);
}

#endif
