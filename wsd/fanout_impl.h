/*
 * The fan-out's inside, for fanout*.c alone.
 */
#ifndef WSD_FANOUT_IMPL_H
#define WSD_FANOUT_IMPL_H

#include "wsd/fanout.h"

static inline bool
fanout_impl_has_pending(const struct fanout *f, const struct fanout_seat *s)
{
	return (s->flags & FANOUT_QUEUED) != 0 ||
	    s->cursor != f->streams[s->encoding].end;
}

/* What it holds, in fanout_memory's terms. */
static inline size_t
fanout_impl_cost_of(const struct fanout_seat *s)
{
	size_t n = s->client->accounted;

	return s->flags & FANOUT_FULL ? n + TRANSPORT_KERNEL_BYTES : n;
}

/* Asks what the kernel holds for it, unless that is known. */
void fanout_impl_look_at(struct fanout *f, struct fanout_seat *s);

/* It is closing, and holds nothing any more. */
void fanout_impl_forget_cost(struct fanout *f, struct fanout_seat *s);

/* --- what the streams must hold: the slowest one's cursor ----------------- */

static inline void
fanout_impl_start_needed(
    const struct fanout *f, uint64_t needed[static FANOUT_ENCODINGS])
{
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		needed[i] = f->streams[i].end;
}

static inline void
fanout_impl_note_needed(
    const struct fanout_seat *s, uint64_t needed[static FANOUT_ENCODINGS])
{
	if (s->cursor < needed[s->encoding] && !(s->flags & FANOUT_CLOSING))
		needed[s->encoding] = s->cursor;
}

static inline void
fanout_impl_trim(
    struct fanout *f, const uint64_t needed[static FANOUT_ENCODINGS])
{
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		stream_trim(&f->streams[i], needed[i]);
}

/* Bytes behind; what was there before it resumed does not count. */
uint64_t fanout_impl_lag_of(const struct fanout *f, struct fanout_seat *s);

/* Closes with 4408 and the cursor to come back with. */
void fanout_impl_close_slow(struct fanout *f, struct fanout_seat *s);

#endif
