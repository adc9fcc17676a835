/*
 * gatecast.v1: one JSON object a text frame. Pure: bytes in, request out;
 * event in, bytes appended. jansson decodes; what is sent is written by hand,
 * once for all receivers.
 *
 * Server to client, keys in this order:
 *   {"type":"hello","user":S,"epoch":"HEX","seq":N,"resumed":B,"ping_s":N,
 *    "message_bytes":N,"online":[{"user":S,"since":TIME}]}
 *       first frame; everything above seq follows. online is as of now and
 *       names the user itself too. epoch is lower-case hex, as ?since= takes.
 *   {"type":"message","seq":N,"user":S,"time":TIME,"text":S}
 *   {"type":"join","seq":N,"user":S,"time":TIME}, and "leave" alike
 *   {"type":"notice","seq":N,"time":TIME,"text":S}
 *   {"type":"gap","from":N,"to":N}   lost to this client, both ends too
 *   {"type":"ack","ref":S,"seq":N}   ref null when none was given
 *   {"type":"error","ref":S,"code":WORD,"detail":S}   ref null if unknown;
 *       too_fast and unavailable have "retry_after_ms":N behind detail
 *   {"type":"history","messages":[...],"more":B}   messages and notices as
 *       they were sent, oldest first; more: there are older ones
 * Client to server; other keys are ignored:
 *   {"type":"send","ref":S,"text":S}   ref: 1-64 bytes, may be left out
 *   {"type":"history","before":N,"limit":N}   before left out: the newest;
 *       limit 1..200, more is taken as 200, left out as 50. An answer ends
 *       early at PROTOCOL_HISTORY_BYTES; its more is then true.
 * TIME is RFC 3339, UTC, milliseconds. The text of a send may hold line
 * feeds and tabs but no other C0 control, and not blanks alone.
 */
#ifndef WSD_PROTOCOL_H
#define WSD_PROTOCOL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_REF_MAX 64 /* bytes */
#define PROTOCOL_HISTORY_MAX 200
#define PROTOCOL_HISTORY_DEFAULT 50
#define PROTOCOL_HISTORY_BYTES 49152
/*
 * A send with a text of n bytes is at most n times this (each written as an
 * escape) and the rest of the object long.
 */
#define PROTOCOL_ESCAPE_MAX 6
#define PROTOCOL_FRAME_EXTRA 512

enum protocol_event_type {
	PROTOCOL_MESSAGE,
	PROTOCOL_JOIN,
	PROTOCOL_LEAVE,
	PROTOCOL_NOTICE,
};

struct protocol_event {
	enum protocol_event_type type;
	uint64_t seq;
	const char *user; /* unless a notice */
	size_t user_bytes;
	const char *time; /* RFC 3339 */
	const char *text; /* of a message or notice */
	size_t text_bytes;
};

struct protocol_hello {
	const char *user;
	size_t user_bytes;
	uint64_t epoch;
	uint64_t seq;
	bool is_resumed;
	int64_t ping_s;
	int64_t message_bytes;
	const struct buf *online; /* of protocol_online, with commas between */
};

/* Each appends one object; failure stays in the buffer (buf.h). */
void protocol_event(struct buf *out, const struct protocol_event *e);
void protocol_hello(struct buf *out, const struct protocol_hello *h);
void protocol_online(
    struct buf *out, const char *user, size_t user_bytes, const char *since);
void protocol_gap(struct buf *out, uint64_t from, uint64_t to);

/* ref NULL: null. */
void
protocol_ack(struct buf *out, const char *ref, size_t ref_bytes, uint64_t seq);

enum protocol_err {
	PROTOCOL_OK = 0,
	PROTOCOL_BAD_JSON, /* not one JSON object */
	PROTOCOL_BAD_TYPE, /* type missing or unknown */
	PROTOCOL_BAD_FIELD, /* a field missing, of another type, or control */
	PROTOCOL_TOO_LONG, /* ref or text */
	PROTOCOL_EMPTY, /* text of nothing, or of blanks */
	PROTOCOL_TOO_FAST,
	PROTOCOL_UNAVAILABLE, /* the journal cannot be written */
	PROTOCOL_NOMEM, /* has no words: the connection is closed */
};

/* Any but NOMEM. retry_after_ms is told with too_fast and unavailable. */
void protocol_error(struct buf *out, enum protocol_err err, const char *ref,
    size_t ref_bytes, int64_t retry_after_ms);

enum protocol_request_type {
	PROTOCOL_SEND,
	PROTOCOL_HISTORY,
};

struct protocol_request {
	enum protocol_request_type type;
	const char *ref; /* NULL: none, or not one */
	size_t ref_bytes;
	const char *text;
	size_t text_bytes;
	uint64_t before; /* UINT64_MAX: the newest */
	size_t limit;
	void *json; /* what the strings point into */
};

/*
 * Decodes and checks a client's object. text_max: bytes of text. ref is set
 * with an error too when there was a good one. Always ended by
 * protocol_request_fini.
 */
enum protocol_err protocol_decode(
    const void *bytes, size_t n, size_t text_max, struct protocol_request *out);
void protocol_request_fini(struct protocol_request *r);

/* Whether there is nothing to see in it: blanks of ASCII, U+00A0, U+3000. */
bool protocol_is_blank(const char *text, size_t n);

/* Whether it has a C0 control other than line feed and tab. */
bool protocol_has_control(const char *text, size_t n);

#endif
