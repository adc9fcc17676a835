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

#define HUB_RETRY_AFTER_MS 1000 /* when the journal cannot be written */

/* What a client will be told when its message is in the journal, or not. */
struct hub_ack {
	struct client *client; /* NULL: gone */
	uint64_t seq;
	bool has_ref;
	uint8_t ref_bytes;
	char ref[REFS_REF_MAX];
};

struct hub {
	struct room room;
	struct held held;
	struct tally addresses;
	struct refs refs;
	struct wheel pings;
	uint64_t joins; /* spreads the pings */
	uint64_t messages;
	uint64_t joined[HUB_PROTOCOLS]; /* see struct hub_stats */
	uint64_t gone;
	uint64_t resumes[HUB_RESUMES];
	uint64_t too_fast;
	uint64_t received_bytes;
	struct buf cleaned; /* a plain client's text */
	bool refuses_joins;
	bool has_left; /* somebody has, without a grace: told at a turn's end */
	struct hub_ack *acks;
	size_t acks_count;
	size_t acks_size;
};

/* Closes the most expensive when wsd.max_memory is used up. */
void hub_relieve(struct hub *h);

/* Closes what is open of it with 4401. Returns how many. */
size_t
hub_close_session(struct hub *h, struct held_session *e, const char *reason);

static inline int64_t
hub_mono_ms(const struct hub *h)
{
	return clock_mono_ms(h->room.clock);
}

size_t hub_refs_max(const struct hub *h);

/* Room for one acknowledgement more. 0 or -1. */
int hub_reserve_ack(struct hub *h);

/*
 * Tells c that its message has that number: at once if it is in the journal,
 * else with the next hub_commit, for which there is room. ref may be NULL.
 */
void hub_acknowledge(struct hub *h, struct client *c, const char *ref,
    size_t ref_bytes, uint64_t seq);
void hub_forget_acks(struct hub *h, const struct client *c);

/* Writes what happened, and queues the answers that waited for it. */
void hub_commit(struct hub *h);

/* A new journal if it is time for one; nothing may be uncommitted. */
void hub_renew_history(struct hub *h);

/* Takes up the journal at the start. 0, or -1: no memory. */
int hub_restore(struct hub *h);

#endif
