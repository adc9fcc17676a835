/*
 * The broadcast set: who is in it, one sequence of events, and the pass that
 * writes to everyone what they have not had yet.
 *
 * An event is encoded once an encoding (gatecast.v1, plain lines) into the
 * stream, a contiguous log of frames; a client is a cursor into the log of
 * its encoding plus a small private queue (hello, acks, errors, pings),
 * which goes first. A flush gives every client that is not busy one write of
 * everything pending. Knows neither libwebsockets nor the machine's clock.
 */
#ifndef WSD_HUB_H
#define WSD_HUB_H

#include "auth/name.h"
#include "auth/sessions.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/config_memory.h"
#include "wsd/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub;
struct client;
struct history;

enum hub_protocol {
	HUB_PLAIN, /* no subprotocol: lines, as the tutorial's page has */
	HUB_GATECAST, /* gatecast.v1: a JSON object a text frame */
};

enum hub_err {
	HUB_OK = 0,
	HUB_FULL, /* wsd.max_connections or wsd.max_memory: 503 */
	HUB_USER_FULL, /* wsd.connections_per_user: 429 */
	HUB_ADDRESS_FULL, /* wsd.connections_per_address: 429 */
	HUB_DRAINING, /* 503 */
	HUB_NOMEM, /* 503 */
	HUB_INVALID, /* session_key is not one: the caller's mistake */
};

/* Close codes (DESIGN.md, "Closing"). */
enum hub_close {
	HUB_CLOSE_GOING_AWAY = 1001,
	HUB_CLOSE_PROTOCOL = 1002,
	HUB_CLOSE_BINARY = 1003,
	HUB_CLOSE_UTF8 = 1007,
	HUB_CLOSE_TOO_LONG = 1009,
	HUB_CLOSE_OVERLOADED = 1013,
	HUB_CLOSE_SESSION_OVER = 4401,
	HUB_CLOSE_TOO_SLOW = 4408,
	HUB_CLOSE_TOO_FAST = 4429,
};

struct hub_opts {
	const struct transport_ops *transport;
	const struct clock *clock;
	const struct config *config; /* read at each use: a reload counts */
	uint64_t epoch; /* of a new sequence; never 0 */
	struct history *history; /* NULL: memory alone; outlives it */
};

struct hub *hub_new(const struct hub_opts *opts);
void hub_free(struct hub *h); /* with its clients */

struct hub_join {
	void *conn; /* handed back to the transport */
	const char *user; /* canonical name; copied */
	const char *session_key; /* SESSIONS_KEY_LEN characters; copied */
	const char *address; /* client's numeric address; copied */
	enum hub_protocol protocol;
	int64_t session_end_s; /* look at the session again then */
	bool has_cursor; /* ?since=EPOCH-SEQ was given */
	uint64_t cursor_epoch;
	uint64_t cursor_seq;
};

/* Whether a join would be taken; asked before the upgrade. */
enum hub_err
hub_may_join(const struct hub *h, const char *user, const char *address);

/*
 * Puts a connection into the set, queues its hello and, for the first
 * connection of a user, broadcasts the join. *out is valid until hub_gone.
 */
enum hub_err
hub_join(struct hub *h, const struct hub_join *join, struct client **out);

/*
 * Bytes of a data frame as they come: fragments of one message in order.
 * remaining: payload bytes of the current frame still to come, so that a
 * message that will be too long is refused from its header. Text is UTF-8 as
 * far as it goes, and whole when is_final: the transport checked.
 */
struct hub_fragment {
	const uint8_t *bytes;
	size_t n;
	uint64_t remaining;
	bool is_first; /* of the message */
	bool is_final; /* of the message */
	bool is_binary;
};
void hub_receive(struct hub *h, struct client *c, const struct hub_fragment *f);

void hub_pong(struct client *c);

/*
 * The client pings: whether the transport shall answer. It counts like a
 * message; who pings too fast is not answered (RFC 6455 §5.5.3 asks for the
 * most recent only), and in the end closed.
 */
bool hub_ping(struct hub *h, struct client *c);

/* The transport can take more for c. */
void hub_writable(struct hub *h, struct client *c);

/*
 * The transport closes c without being asked: with that code, or (0) because
 * the peer did. Nothing more is written to it; hub_gone follows, later.
 */
void hub_closing(struct hub *h, struct client *c, uint16_t code);

/* The connection is gone; c is freed. */
void hub_gone(struct hub *h, struct client *c);

/* Whether a flush would write anything. */
bool hub_is_dirty(const struct hub *h);

/* One pass over the set. */
void hub_flush(struct hub *h);

/* What a pass would bring to everyone. */
enum hub_news {
	HUB_NEWS_NONE, /* answers to some at most */
	HUB_NEWS_PRESENCE, /* joins and leaves alone */
	HUB_NEWS_SAID,
};
enum hub_news hub_news(const struct hub *h);

/* A flush for those alone who have something of their own to come. */
void hub_flush_queued(struct hub *h);

/*
 * Time goes by: pings, unanswered pings, slow readers, unfinished messages,
 * leave graces, log trimming. At least once a second.
 */
void hub_tick(struct hub *h);

/*
 * An administrator's notice to all (n bytes of UTF-8). 0, or -1: it was not
 * said (blank, longer than wsd.message_bytes, no memory, not kept).
 */
int hub_notice(struct hub *h, const char *text, size_t n);

/* The same as a message of that user's (canonical), here or not. */
int hub_say_as(struct hub *h, const char *user, const char *text, size_t n);

/*
 * Who is online, as spelled here, by a canonical name in any case; NULL:
 * nobody. Valid until the next event.
 */
const char *hub_find_user(const struct hub *h, const char *name);

/* Those online, in no order; connections 0: within wsd.leave_grace_s. */
typedef void hub_visit_user(
    void *arg, const char *name, int64_t since_ms, uint32_t connections);
void hub_each_user(const struct hub *h, hub_visit_user *visit, void *arg);

/*
 * Closes the connections of a user or, if who is no name of anybody online
 * but 8 hex digits or more, of the session whose id begins so. With 4401, the
 * one code after which a page does not come back by itself; the session stays
 * valid. *closed says how many.
 */
enum hub_kick {
	HUB_KICK_OK = 0,
	HUB_KICK_NOBODY,
	HUB_KICK_AMBIGUOUS, /* more than one session; nobody was closed */
};
enum hub_kick
hub_kick(struct hub *h, const char *who, const char *reason, size_t *closed);

/* No joins from here on. */
void hub_refuse_joins(struct hub *h);

/* Flushes, and writes to each until nothing is pending or it is busy. */
void hub_deliver(struct hub *h);

/* Closes at most max of those still open. */
void
hub_close_some(struct hub *h, size_t max, uint16_t code, const char *reason);

/* Closes every connection of that session with 4401. Returns how many. */
size_t hub_end_session(struct hub *h, const char *session_key);

/*
 * Asks verify for each distinct session held whose look is due (all of them
 * when everything is true), and ends it unless SESSIONS_VALID; with
 * SESSIONS_UNAVAILABLE it stays. verify gives the new end in *end_s.
 * Returns how many connections were closed.
 */
typedef enum sessions_verdict
hub_verify(void *arg, const char *session_key, int64_t *end_s);
size_t
hub_recheck(struct hub *h, bool everything, hub_verify *verify, void *arg);

/* Closes everyone (code, reason); new joins are refused from here on. */
void hub_close_all(struct hub *h, uint16_t code, const char *reason);

size_t hub_count(const struct hub *h);

#define HUB_PROTOCOLS 2
/* What became of a cursor. */
enum hub_resume {
	HUB_RESUMED, /* from there on, nothing missing */
	HUB_RESUMED_GAP, /* with an explicit gap */
	HUB_RESUME_FRESH, /* of another epoch, or ahead: from now on */
};
#define HUB_RESUMES 3
#define HUB_CLOSES 10 /* hub_close_codes, and behind them any other */
extern const uint16_t hub_close_codes[HUB_CLOSES - 1];

struct hub_stats {
	size_t connections; /* closing ones included */
	size_t members[HUB_PROTOCOLS]; /* not closing */
	size_t users;
	uint64_t epoch;
	uint64_t seq;
	uint64_t joins[HUB_PROTOCOLS];
	uint64_t gone; /* connections, whoever ended them */
	uint64_t resumes[HUB_RESUMES];
	uint64_t closes[HUB_CLOSES]; /* not those that the peer began */
	uint64_t too_fast; /* messages refused */
	uint64_t sent_bytes; /* frames handed to the transport */
	uint64_t received_bytes; /* payloads */
	size_t history_messages;
	uint64_t history_bytes;
	uint64_t messages; /* said by users */
	uint64_t deliveries; /* events handed to the transport */
	uint64_t writes;
	uint64_t slow_closed;
	uint64_t log_bytes;
	uint64_t queued_bytes; /* private queues */
};
void hub_get_stats(const struct hub *h, struct hub_stats *out);

/*
 * wsd.max_memory: its shares (all 0: no limit) and what of each is used, in
 * bytes. base is not counted while running.
 */
struct hub_memory {
	struct config_memory shares;
	uint64_t connections;
	uint64_t history; /* log bytes kept, their index, refs */
	uint64_t streams; /* log bytes held beyond that */
	uint64_t queues; /* of single connections, the kernel's included */
	uint64_t leaving; /* of that, what those have who are closing */
};
void hub_get_memory(const struct hub *h, struct hub_memory *out);

#endif
