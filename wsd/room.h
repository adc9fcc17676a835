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
#include "wsd/history.h"
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
	/*
	 * What happened after that is not in the journal yet: it is in the
	 * streams, but nobody is sent it or told its number.
	 */
	uint64_t committed_seq;
	uint64_t committed_end[FANOUT_ENCODINGS];
	struct history *history; /* NULL: all of it is memory */
	bool has_pending_said; /* a message or notice above committed_seq */
	bool has_taken_back; /* refs of what was taken back are still there */
	bool has_untold; /* a user whose join could not be kept */
	struct buf frames[FANOUT_ENCODINGS]; /* payloads being made */
	struct buf online; /* the hello's list, unless stale */
	bool is_online_stale;
	int64_t now_ms; /* wall time of the newest event */
	int64_t second; /* that the two below are of */
	char time[CLOCK_RFC3339_SIZE];
	char local[CLOCK_LOCAL_SIZE];
};

enum room_err {
	ROOM_OK = 0,
	ROOM_NOMEM,
	ROOM_UNKEPT, /* the journal cannot be written; see room_commit */
};

struct room_opts {
	const struct transport_ops *transport;
	const struct clock *clock;
	const struct config *config;
	uint64_t epoch;
	struct history *history; /* may be NULL; must outlive it */
};

int room_init(struct room *r, const struct room_opts *opts);
void room_fini(struct room *r);

/*
 * Puts an event into the streams; seq and time of *e are set here (time is
 * valid until the next). Unless ROOM_OK, it did not happen. It may still be
 * taken back until it is committed.
 */
enum room_err room_broadcast(struct room *r, struct protocol_event *e);

/*
 * A user's join, or ROOM_OK without one if it has to be told later. Unless
 * ROOM_OK the caller takes the entry back.
 */
enum room_err room_join(struct room *r, struct presence_user *u);

/*
 * Writes what happened since the last one to the journal. 0, or -1: it was
 * taken back, and nothing happens until the journal is mended.
 */
int room_commit(struct room *r);

/* Makes what happened up to here the state to go back to. */
void room_mark(struct room *r);

/* Tells of those whose join could not be kept when they came. */
void room_tell_untold(struct room *r);

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
void
room_entry(struct room *r, const struct hub_join *join, struct room_entry *out);

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
