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
#define LOOK_BYTES_MIN 1024
#define LOOK_BYTES_MAX 16384
#define LOOK_TICKS 8 /* each is looked at in so many, too */

static void look_at_kernel(struct fanout *f, uint64_t n);

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
	look_at_kernel(f, f->count / LOOK_TICKS + 1);
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
	return f->memory + f->full * TRANSPORT_KERNEL_BYTES;
}

/*
 * What it holds by its own doing: not what is on its way to a peer who takes
 * it in, nor what this pass has not come to.
 */
static uint64_t
burden_of(const struct fanout *f, struct fanout_seat *s)
{
	const struct client *c = s->client;

	if (s->flags & FANOUT_CLOSING)
		return fanout_impl_cost_of(s);
	/* Who is farther behind weighs more at the same cost. */
	if (s->flags & (FANOUT_FULL | FANOUT_UNSENT))
		return fanout_impl_cost_of(s) + fanout_impl_lag_of(f, s);
	return c->partial == NULL ? 0 : c->partial->size;
}

/* Its power of two; 0 for none. */
static int
weight_of(const struct fanout *f, struct fanout_seat *s)
{
	int weight = 0;

	for (uint64_t n = burden_of(f, s); n > 0; n >>= 1)
		weight++;
	/* Nothing more is lost with one that is closing. */
	return s->flags & FANOUT_CLOSING ? weight + WEIGHTS : weight;
}

static void
cut(struct fanout *f, struct fanout_seat *s)
{
	fanout_impl_forget_cost(f, s);
	f->transport->cut(s->conn);
}

void
fanout_impl_look_at(struct fanout *f, struct fanout_seat *s)
{
	bool has_unsent;

	if (s->flags & (FANOUT_CLOSING | FANOUT_FULL))
		return;
	s->client->kernel =
	    (uint32_t)f->transport->kernel_bytes(s->conn, &has_unsent);
	s->flags &= (uint8_t)~FANOUT_UNSENT;
	if (has_unsent)
		s->flags |= FANOUT_UNSENT;
	fanout_account(f, s->client);
}

/*
 * Ends the heaviest until so much is wanted no more: two walks, since a list
 * in order would cost every write.
 */
static void
end_heaviest(struct fanout *f, uint64_t wanted, bool has_to_cut)
{
	uint64_t found[2 * WEIGHTS] = {0}, sum = 0;
	int least = 2 * WEIGHTS;

	for (size_t i = 0; i < f->count; i++)
		found[weight_of(f, &f->seats[i])] +=
		    fanout_impl_cost_of(&f->seats[i]);
	if (!has_to_cut)
		least = WEIGHTS;
	while (sum < wanted && least > (has_to_cut ? 0 : 1))
		sum += found[--least];
	for (size_t i = 0; i < f->count && wanted > 0; i++) {
		struct fanout_seat *s = &f->seats[i];
		if (weight_of(f, s) < least ||
		    (!has_to_cut && s->flags & FANOUT_CLOSING))
			continue;
		/* It may have read since. */
		fanout_impl_look_at(f, s);
		uint64_t cost = fanout_impl_cost_of(s);
		if (cost == 0 || weight_of(f, s) < least)
			continue;
		wanted -= cost < wanted ? cost : wanted;
		if (!(s->flags & FANOUT_CLOSING))
			fanout_impl_close_slow(f, s);
		if (has_to_cut)
			cut(f, s);
	}
}

/* Asks what the kernel holds for the next n connections. */
static void
look_at_kernel(struct fanout *f, uint64_t n)
{
	if (n > f->count)
		n = f->count;
	for (; n > 0; n--) {
		if (f->looked >= f->count)
			f->looked = 0;
		fanout_impl_look_at(f, &f->seats[f->looked++]);
	}
}

/*
 * A reader may have stopped though it is not busy yet, so the kernel is asked
 * once for so many bytes written that all who were not asked since cannot
 * hold more than an eighth of the limit.
 */
static void
look_at_written(struct fanout *f, uint64_t limit)
{
	uint64_t step = fanout_memory_step(limit) / (f->count + 1);

	if (step < LOOK_BYTES_MIN)
		step = LOOK_BYTES_MIN;
	if (step > LOOK_BYTES_MAX)
		step = LOOK_BYTES_MAX;
	uint64_t looks = (f->written - f->written_looked) / step;
	f->written_looked += looks * step;
	look_at_kernel(f, looks);
}

void
fanout_relieve(struct fanout *f, uint64_t limit)
{
	uint64_t soft = fanout_memory_soft(limit);

	if (limit == 0)
		return;
	look_at_written(f, limit);
	/* An eighth below either, so that this is not for each byte. */
	if (fanout_memory(f) - f->leaving > soft)
		end_heaviest(f,
		    fanout_memory(f) - f->leaving - (soft - soft / 8), false);
	if (fanout_memory(f) > limit)
		end_heaviest(f, fanout_memory(f) - (limit - limit / 8), true);
}
