/*
 * One encoding's log of events: whole frames, one after the other, with an
 * index from sequence number to place.
 *
 * A position counts the bytes ever appended, so a cursor stays comparable
 * whatever was dropped in front. Held is what some cursor still needs or
 * what is kept for those who come back; kept (stream_keep) is the second
 * alone. Bytes lie in one piece of memory, so everything pending is one
 * write; the price is a move of at most half of it, once in that many bytes
 * appended.
 */
#ifndef WSD_STREAM_H
#define WSD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_event {
	uint64_t end; /* position behind its frame */
	int64_t mono_ms; /* when it was appended */
	bool is_said; /* a message or notice: counts, and is history */
};

struct stream {
	uint8_t *bytes; /* held: [start, start + (end - base)) */
	size_t size;
	size_t start;
	uint64_t base; /* position of the first held byte */
	uint64_t end; /* position behind the last byte */
	struct stream_event *events; /* ring; size a power of two */
	size_t events_size;
	size_t events_head;
	size_t count; /* events held */
	uint64_t next_seq; /* of the event to come */
	size_t kept; /* of the held, the newest so many are kept */
	size_t kept_said;
	struct { /* the answer to the last stream_run */
		uint64_t pos;
		size_t max;
		size_t n;
		size_t frames;
	} memo;
};

void stream_init(struct stream *s);
void stream_fini(struct stream *s);

/* Makes room for one more event of n bytes. 0 or -1 (nothing changed). */
int stream_reserve(struct stream *s, size_t n);

/*
 * Appends an event: header and payload of its frame. Room must have been
 * reserved; cannot fail.
 */
void stream_append(struct stream *s, int64_t mono_ms, bool is_said,
    const void *header, size_t header_bytes, const void *payload,
    size_t payload_bytes);

/* An event that this stream does not hold: nothing before it is, either. */
void stream_skip(struct stream *s);

/*
 * Takes back what was appended and skipped since next_seq and end had these
 * values; no cursor may be behind end. Nothing of it may have been sent.
 */
void stream_rewind(struct stream *s, uint64_t next_seq, uint64_t end);

/* Begins with that number; nothing was ever appended. */
void stream_begin(struct stream *s, uint64_t next_seq);

/*
 * What is kept: at most so many messages, bytes, and nothing from before
 * since_ms. messages 0 keeps nothing, bytes 0 is no limit; since_ms
 * INT64_MIN none. Other events between kept ones are kept with them, up to
 * STREAM_OTHERS for each message that may be.
 */
#define STREAM_OTHERS 4
#define STREAM_OTHERS_MIN 64
void stream_keep(
    struct stream *s, uint64_t messages, uint64_t bytes, int64_t since_ms);

/* Drops what is neither kept nor at or behind the position needed. */
void stream_trim(struct stream *s, uint64_t needed);

/* Sequence number of the oldest kept event; next_seq when none is. */
uint64_t stream_oldest_kept(const struct stream *s);

/* Position of the frame of seq, which is held or is next_seq. */
uint64_t stream_position(const struct stream *s, uint64_t seq);

/* The event of that number and its frame; NULL unless held. */
const struct stream_event *stream_find(
    const struct stream *s, uint64_t seq, const uint8_t **frame, size_t *n);

/* The number of the frame at that position; next_seq at the end. */
uint64_t stream_seq_at(const struct stream *s, uint64_t pos);

/* When the frame at that position (held, before the end) was appended. */
int64_t stream_time_at(const struct stream *s, uint64_t pos);

/*
 * Whole frames from pos (a frame's beginning, held): as many as fit into
 * max, or the first alone when it is longer and is_single_ok. *n bytes,
 * *frames of them. Valid until the next append or trim.
 */
const uint8_t *stream_run(struct stream *s, uint64_t pos, size_t max,
    bool is_single_ok, size_t *n, size_t *frames);

/* Bytes of what is kept. */
uint64_t stream_kept_bytes(const struct stream *s);

static inline size_t
stream_held_bytes(const struct stream *s)
{
	return (size_t)(s->end - s->base);
}

#endif
