/*
 * Who is too slow: by bytes and by time, and, when memory is short, whoever
 * holds the most of it. One that stopped costs what the kernel holds for it
 * and a frame here; what it has not had yet is the stream's, once for all.
 */
#include "wsd/fanout_impl.h"

#include <inttypes.h>
#include <stdio.h>

#define LATE_TICK_MS 3000
#define WEIGHTS 65 /* powers of two */

uint64_t
fanout_impl_lag_of(const struct fanout *f, struct fanout_seat *s)
{
	uint64_t from = s->cursor;

	if (s->flags & FANOUT_RESUMING) {
		if (from < s->client->resume_end)
			from = s->client->resume_end;
		else
			s->flags &= (uint8_t)~FANOUT_RESUMING;
	}
	return f->streams[s->encoding].end - from;
}

void
fanout_impl_close_slow(struct fanout *f, struct fanout_seat *s)
{
	char reason[64] = "too slow";
	const struct stream *stream = &f->streams[s->encoding];

	f->slow_closed++;
	/*
	 * Where to come back: behind all that was written to it. Not when a
	 * hello or a gap may be unsent: its own cursor is right then.
	 */
	if (s->encoding == HUB_GATECAST && !(s->flags & FANOUT_QUEUED))
		snprintf(reason, sizeof(reason),
		    "too slow; since=%" PRIx64 "-%" PRIu64, f->epoch,
		    stream_seq_at(stream, s->cursor) - 1);
	fanout_close(f, s->client, HUB_CLOSE_TOO_SLOW, reason);
}

/* Since when what it has pending is pending. */
static int64_t
pending_since(
    const struct fanout *f, const struct fanout_seat *s, int64_t now_ms)
{
	const struct stream *stream = &f->streams[s->encoding];
	const struct client *c = s->client;
	int64_t since_ms = now_ms;

	if (s->cursor != stream->end) {
		since_ms = stream_time_at(stream, s->cursor);
		if (s->flags & FANOUT_RESUMING && since_ms < c->joined_ms)
			since_ms = c->joined_ms;
	}
	if (c->queue != NULL) {
		if (c->queue->since_ms == CLIENT_NOT_SEEN)
			c->queue->since_ms = now_ms;
		if (c->queue->since_ms < since_ms)
			since_ms = c->queue->since_ms;
	}
	return since_ms;
}

void
fanout_tick(struct fanout *f, int64_t now_ms, int64_t slow_ms)
{
	uint64_t needed[FANOUT_ENCODINGS];

	/* If it was us who stood still, nobody is judged by that. */
	if (now_ms - f->ticked_ms > LATE_TICK_MS)
		slow_ms = 0;
	f->ticked_ms = now_ms;
	fanout_impl_start_needed(f, needed);
	for (size_t i = 0; i < f->count; i++) {
		struct fanout_seat *s = &f->seats[i];
		if (s->flags & FANOUT_CLOSING || !fanout_impl_has_pending(f, s))
			continue;
		if (now_ms - pending_since(f, s, now_ms) > slow_ms &&
		    slow_ms > 0 && f->transport->is_busy(s->conn))
			fanout_impl_close_slow(f, s);
		fanout_impl_note_needed(s, needed);
	}
	fanout_impl_trim(f, needed);
}

/* --- memory --------------------------------------------------------------- */

uint64_t
fanout_memory(const struct fanout *f)
{
	return f->memory + f->waiting * TRANSPORT_KERNEL_BYTES;
}

static size_t
cost_of(const struct fanout_seat *s)
{
	size_t n = s->client->accounted;

	return s->flags & FANOUT_WAITING ? n + TRANSPORT_KERNEL_BYTES : n;
}

/* Its power of two; who is farther behind weighs more at the same cost. */
static int
weight_of(const struct fanout *f, struct fanout_seat *s)
{
	uint64_t n = cost_of(s) + fanout_impl_lag_of(f, s);
	int weight = 0;

	for (; n > 0; n >>= 1)
		weight++;
	return weight;
}

void
fanout_relieve(struct fanout *f, uint64_t limit)
{
	uint64_t freed[WEIGHTS] = {0}, used = fanout_memory(f);
	int least = WEIGHTS;

	if (limit == 0 || used <= limit)
		return;
	/* An eighth below, so that this is not for each byte. */
	uint64_t wanted = used - (limit - limit / 8), found = 0;
	for (size_t i = 0; i < f->count; i++) {
		struct fanout_seat *s = &f->seats[i];
		if (!(s->flags & FANOUT_CLOSING) && cost_of(s) > 0)
			freed[weight_of(f, s)] += cost_of(s);
	}
	while (found < wanted && least > 0)
		found += freed[--least];
	for (size_t i = 0; i < f->count && wanted > 0; i++) {
		struct fanout_seat *s = &f->seats[i];
		uint64_t cost = cost_of(s);
		if (s->flags & FANOUT_CLOSING || cost == 0 ||
		    weight_of(f, s) < least)
			continue;
		wanted -= cost < wanted ? cost : wanted;
		fanout_impl_close_slow(f, s);
	}
}
