/*
 * The one sequence of events: what happens gets its number and time here,
 * becomes a frame in each encoding that somebody reads, and is kept as long
 * as the configuration says for those who come back or ask.
 */
#ifndef WSD_ROOM_H
#define WSD_ROOM_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/config_memory.h"
#include "wsd/fanout.h"
#include "wsd/presence.h"
#include "wsd/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct room {
	const struct clock *clock;
	const struct config *config;
	struct fanout fanout;
	struct presence presence;
	struct config_memory shares; /* of wsd.max_memory; see room_reload */
	uint64_t epoch;
	uint64_t seq; /* of the newest event; 0: none yet */
	struct buf frames[FANOUT_ENCODINGS]; /* payloads being made */
	struct buf online; /* the hello's list, unless stale */
	bool is_online_stale;
	int64_t second; /* that the two below are of */
	char time[CLOCK_RFC3339_SIZE];
	char local[CLOCK_LOCAL_SIZE];
};

struct room_opts {
	const struct transport_ops *transport;
	const struct clock *clock;
	const struct config *config;
	uint64_t epoch;
};

int room_init(struct room *r, const struct room_opts *opts);
void room_fini(struct room *r);

/*
 * Puts an event into the streams; seq and time of *e are set here (time is
 * valid until the next). 0, or -1: no memory, and it did not happen.
 */
int room_broadcast(struct room *r, struct protocol_event *e);

/* One connection more of that user; see presence_enter. */
struct presence_user *
room_enter(struct room *r, const char *name, bool *is_first);

/* As if it had not entered; for the first connection of a user only. */
void room_undo_enter(struct room *r, struct presence_user *u);

/* Tells of those whose grace is over. */
void room_leaves(struct room *r);

/* Where a connection goes on: what its hello says, and its cursor. */
struct room_entry {
	uint64_t seq;
	uint64_t position;
	bool is_resumed;
	uint64_t gap_to; /* from seq + 1 on, if not 0 */
};
void room_entry(
    const struct room *r, const struct hub_join *join, struct room_entry *out);

/* Queues the hello and, if there is one, the gap. */
void
room_hello(struct room *r, struct client *c, const struct room_entry *entry);

/* Queues what was made in out for c alone. */
void room_send(struct room *r, struct client *c, const struct buf *out);

/* Closes a connection for want of memory. */
void room_overloaded(struct room *r, struct client *c);

/* Answers a request for history. */
void
room_history(struct room *r, struct client *c, uint64_t before, size_t limit);

/* The configuration may have changed; a few times a second. */
void room_reload(struct room *r);

/* Applies the limits of what is kept; see wsd.history_*. */
void room_keep(struct room *r);

#endif
