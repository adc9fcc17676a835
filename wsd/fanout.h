/*
 * Who has which bytes still to come: the dense array that a flush walks, a
 * stream for each encoding, and the writes.
 */
#ifndef WSD_FANOUT_H
#define WSD_FANOUT_H

#include "wsd/client.h"
#include "wsd/hub.h"
#include "wsd/stream.h"
#include "wsd/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FANOUT_ENCODINGS 2 /* indexed by enum hub_protocol */

enum fanout_flag {
	FANOUT_QUEUED = 1, /* something in its private queue */
	FANOUT_WAITING = 2, /* asked for hub_writable */
	FANOUT_CLOSING = 4, /* nothing is written to it any more */
	FANOUT_RESUMING = 8, /* before its resume_end */
	FANOUT_UNFINISHED = 16, /* a message has begun to come */
	FANOUT_FULL = 32, /* the kernel took no more of it: it is busy */
	FANOUT_UNSENT = 64, /* nor did its peer, when last looked at */
};

/* All that a flush needs of a connection that is up to date: half a line. */
struct fanout_seat {
	void *conn;
	uint64_t cursor; /* position in the stream of its encoding */
	struct client *client;
	uint8_t encoding;
	uint8_t flags;
};

struct fanout {
	const struct transport_ops *transport;
	struct stream streams[FANOUT_ENCODINGS];
	size_t members[FANOUT_ENCODINGS]; /* that are not closing */
	struct fanout_seat *seats;
	size_t count;
	size_t size;
	struct client **queued; /* with a private queue not yet tried */
	size_t queued_count;
	bool has_grown; /* a stream, since the last pass */
	bool is_urgent; /* by more than joins and leaves */
	int64_t ticked_ms;
	uint8_t *scratch; /* TRANSPORT_WRITE_MAX */
	uint64_t deliveries;
	uint64_t writes;
	uint64_t slow_closed;
	uint64_t sent_bytes;
	uint64_t closes[HUB_CLOSES];
	uint64_t queued_bytes;
	uint64_t memory; /* private: queues, unfinished messages, kept */
	size_t full; /* seats with that flag */
	uint64_t leaving; /* of all that, what closing ones hold */
	uint64_t written; /* bytes, to the transport */
	uint64_t written_looked; /* of these, up to the last look */
	size_t looked; /* seats up to here, at what the kernel holds */
	uint64_t epoch; /* for the cursor in a close */
};

int fanout_init(
    struct fanout *f, const struct transport_ops *transport, uint64_t epoch);
void fanout_fini(struct fanout *f);

/* Gives c a seat at that position of its encoding's stream. 0 or -1. */
int fanout_add(struct fanout *f, struct client *c, void *conn,
    enum hub_protocol encoding, uint64_t cursor);
void fanout_remove(struct fanout *f, struct client *c);

/*
 * What its cursor has before it now is history: it does not count as lag.
 */
void fanout_resume(struct fanout *f, struct client *c);

static inline struct fanout_seat *
fanout_seat(const struct fanout *f, const struct client *c)
{
	return &f->seats[c->seat];
}

static inline bool
fanout_is_closing(const struct fanout *f, const struct client *c)
{
	return (fanout_seat(f, c)->flags & FANOUT_CLOSING) != 0;
}

/*
 * Queues a frame for c alone. What would pass CLIENT_QUEUE_MAX is tried to
 * be sent first, else c is closed as too slow; without memory, as
 * overloaded. is_hello: whatever its length.
 */
void fanout_send(struct fanout *f, struct client *c, enum frame_opcode opcode,
    const void *payload, size_t n, bool is_hello);

/*
 * c is being closed, with that code (0: by its peer): nothing more is written
 * to it, and what is queued goes. Once.
 */
void fanout_closing(struct fanout *f, struct client *c, uint16_t code);

/* The same, and asks the transport for it. */
void fanout_close(
    struct fanout *f, struct client *c, uint16_t code, const char *reason);

/* c can take more; it gets that with the next pass. */
void fanout_writable(struct fanout *f, struct client *c);

/*
 * One pass; slow_bytes: who is farther behind is closed (0: nobody). limit: as
 * of fanout_relieve, which is asked on the way too.
 */
void fanout_flush(struct fanout *f, uint64_t slow_bytes, uint64_t limit);

/* The same for those alone who have something of their own. */
void fanout_flush_queued(struct fanout *f, uint64_t slow_bytes);

/* Writes to each until nothing is pending or it is busy. */
void fanout_write_out(struct fanout *f);

/*
 * Closes whoever is busy and has had something pending since before now_ms -
 * slow_ms (slow_ms 0: nobody), and drops what nobody needs. Four
 * times a second; one that comes late judges nobody.
 */
void fanout_tick(struct fanout *f, int64_t now_ms, int64_t slow_ms);

/* What c holds has changed: its unfinished message. */
void fanout_account(struct fanout *f, struct client *c);

/*
 * Bytes that connections hold beyond what each costs at rest: queues,
 * unfinished messages, and what the kernel has for them (of those that are
 * not busy, as of some seconds ago).
 */
uint64_t fanout_memory(const struct fanout *f);

/*
 * Keeps that below limit (0: none). Above three quarters, those that hold
 * the most are closed as too slow, and of those who hold as much the slowest
 * first; nobody for what is on its way to them. Whoever is closing still holds
 * it for a while; so above the limit they, and then the others in the same
 * order, are cut.
 */
void fanout_relieve(struct fanout *f, uint64_t limit);

/* What may be written before fanout_relieve looks at it again. */
static inline uint64_t
fanout_memory_step(uint64_t limit)
{
	return limit / 8;
}

static inline uint64_t
fanout_memory_soft(uint64_t limit)
{
	return limit - limit / 4;
}

#endif
