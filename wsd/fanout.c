/*
 * The flush. For a connection that is up to date it reads half a cache line;
 * for one that is not, one write of everything pending. No allocation, no
 * clock, no log. A connection is never freed here: a close only marks it,
 * and the transport reports it gone later (transport.h).
 */
#include "wsd/fanout_impl.h"

#include <stdlib.h>
#include <string.h>

#define SEATS_MIN 64

_Static_assert(
    sizeof(struct fanout_seat) <= 32, "two seats share a cache line");

int
fanout_init(
    struct fanout *f, const struct transport_ops *transport, uint64_t epoch)
{
	memset(f, 0, sizeof(*f));
	f->transport = transport;
	f->epoch = epoch;
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		stream_init(&f->streams[i]);
	f->scratch = malloc(TRANSPORT_WRITE_MAX);
	return f->scratch == NULL ? -1 : 0;
}

void
fanout_fini(struct fanout *f)
{
	for (size_t i = 0; i < f->count; i++)
		client_free(f->seats[i].client);
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		stream_fini(&f->streams[i]);
	free(f->seats);
	free(f->queued);
	free(f->scratch);
}

static int
grow_seats(struct fanout *f)
{
	if (f->count < f->size)
		return 0;
	size_t size = f->size == 0 ? SEATS_MIN : f->size + f->size / 2;
	if (size >= CLIENT_NOT_QUEUED)
		return -1;
	struct fanout_seat *seats = realloc(f->seats, size * sizeof(*seats));
	if (seats == NULL)
		return -1;
	f->seats = seats;
	/* As long as the seats, so that queueing needs no memory. */
	struct client **queued = realloc(f->queued, size * sizeof(*queued));
	if (queued == NULL)
		return -1;
	f->queued = queued;
	f->size = size;
	return 0;
}

int
fanout_add(struct fanout *f, struct client *c, void *conn,
    enum hub_protocol encoding, uint64_t cursor)
{
	if (grow_seats(f) == -1)
		return -1;
	c->seat = (uint32_t)f->count++;
	f->members[encoding]++;
	*fanout_seat(f, c) = (struct fanout_seat){
	    .conn = conn,
	    .cursor = cursor,
	    .client = c,
	    .encoding = (uint8_t)encoding,
	};
	return 0;
}

void
fanout_resume(struct fanout *f, struct client *c)
{
	struct fanout_seat *s = fanout_seat(f, c);

	c->resume_end = f->streams[s->encoding].end;
	s->flags |= FANOUT_RESUMING;
}

/* It may be busy, or have more to come than goes into one write. */
static void
want_write(struct fanout *f, struct fanout_seat *s)
{
	if (!(s->flags & FANOUT_FULL) && f->transport->is_busy(s->conn)) {
		s->flags |= FANOUT_FULL;
		f->full++;
		s->client->kernel = 0; /* counted as full from here on */
		fanout_account(f, s->client);
	}
	if (s->flags & FANOUT_WAITING)
		return;
	s->flags |= FANOUT_WAITING;
	f->transport->want_write(s->conn);
}

static void
stop_waiting(struct fanout *f, struct fanout_seat *s)
{
	if (s->flags & FANOUT_FULL)
		f->full--;
	s->flags &= (uint8_t) ~(FANOUT_WAITING | FANOUT_FULL);
	s->client->kept = 0;
}

void
fanout_account(struct fanout *f, struct client *c)
{
	size_t now = client_memory(c);

	f->memory += now;
	f->memory -= c->accounted;
	c->accounted = (uint32_t)now;
}

static void
join_queued(struct fanout *f, struct client *c)
{
	if (c->queued_at != CLIENT_NOT_QUEUED)
		return;
	c->queued_at = (uint32_t)f->queued_count;
	f->queued[f->queued_count++] = c;
}

static void
leave_queued(struct fanout *f, struct client *c)
{
	if (c->queued_at == CLIENT_NOT_QUEUED)
		return;
	struct client *last = f->queued[--f->queued_count];
	f->queued[c->queued_at] = last;
	last->queued_at = c->queued_at;
	c->queued_at = CLIENT_NOT_QUEUED;
}

static void
drop_queue(struct fanout *f, struct client *c)
{
	size_t n;

	client_queued(c, &n);
	f->queued_bytes -= n;
	client_drop_queue(c);
	leave_queued(f, c);
	fanout_seat(f, c)->flags &= (uint8_t)~FANOUT_QUEUED;
}

/* From here on it is only waited for. */
static void
stop(struct fanout *f, struct fanout_seat *s)
{
	s->flags |= FANOUT_CLOSING;
	f->members[s->encoding]--;
	drop_queue(f, s->client);
	client_drop_partial(s->client);
	fanout_account(f, s->client);
	f->leaving += fanout_impl_cost_of(s);
}

void
fanout_impl_forget_cost(struct fanout *f, struct fanout_seat *s)
{
	f->leaving -= fanout_impl_cost_of(s);
	stop_waiting(f, s);
	s->client->kernel = 0;
	fanout_account(f, s->client);
}

void
fanout_remove(struct fanout *f, struct client *c)
{
	struct fanout_seat *s = fanout_seat(f, c);

	if (!(s->flags & FANOUT_CLOSING))
		stop(f, s);
	fanout_impl_forget_cost(f, s);
	*s = f->seats[--f->count];
	s->client->seat = c->seat;
}

const uint16_t hub_close_codes[HUB_CLOSES - 1] = {
    HUB_CLOSE_GOING_AWAY,
    HUB_CLOSE_PROTOCOL,
    HUB_CLOSE_BINARY,
    HUB_CLOSE_UTF8,
    HUB_CLOSE_TOO_LONG,
    HUB_CLOSE_OVERLOADED,
    HUB_CLOSE_SESSION_OVER,
    HUB_CLOSE_TOO_SLOW,
    HUB_CLOSE_TOO_FAST,
};

void
fanout_closing(struct fanout *f, struct client *c, uint16_t code)
{
	size_t i = 0;

	if (fanout_is_closing(f, c))
		return;
	while (i < HUB_CLOSES - 1 && hub_close_codes[i] != code)
		i++;
	if (code != 0)
		f->closes[i]++;
	stop(f, fanout_seat(f, c));
}

void
fanout_close(
    struct fanout *f, struct client *c, uint16_t code, const char *reason)
{
	if (fanout_is_closing(f, c))
		return;
	fanout_closing(f, c, code);
	f->transport->close(fanout_seat(f, c)->conn, code, reason);
}

/* What goes into the next write, and how much of it from where. */
struct parcel {
	const uint8_t *bytes;
	size_t queued_bytes;
	size_t stream_bytes;
	size_t frames; /* of the stream */
};

/* The private queue first, and behind it what still fits. */
static void
pack_queue(struct fanout *f, const struct fanout_seat *s, struct parcel *p)
{
	struct stream *stream = &f->streams[s->encoding];
	size_t n;
	const uint8_t *queue = client_queued(s->client, &n);

	p->bytes = queue;
	p->queued_bytes = frame_run(queue, n, TRANSPORT_WRITE_MAX);
	if (n >= TRANSPORT_WRITE_MAX || s->cursor == stream->end)
		return;
	const uint8_t *frames = stream_run(stream, s->cursor,
	    TRANSPORT_WRITE_MAX - n, false, &p->stream_bytes, &p->frames);
	memcpy(f->scratch, queue, n);
	memcpy(f->scratch + n, frames, p->stream_bytes);
	p->bytes = f->scratch;
}

/* Only the first n bytes of it were taken. */
static void
cut_parcel(struct parcel *p, size_t n)
{
	if (p->queued_bytes > n)
		p->queued_bytes = n;
	p->stream_bytes = n - p->queued_bytes;
	p->frames = 0;
	if (p->stream_bytes > 0)
		frame_run_past(p->bytes + p->queued_bytes, p->stream_bytes,
		    p->stream_bytes - 1, &p->frames);
}

/* Whether anything was taken. */
static bool
write_once(struct fanout *f, struct fanout_seat *s)
{
	struct parcel p = {.queued_bytes = 0};
	struct transport_taken taken;

	if (s->flags & FANOUT_QUEUED)
		pack_queue(f, s, &p);
	else
		p.bytes = stream_run(&f->streams[s->encoding], s->cursor,
		    TRANSPORT_WRITE_MAX, true, &p.stream_bytes, &p.frames);

	switch (f->transport->write(
	    s->conn, p.bytes, p.queued_bytes + p.stream_bytes, &taken)) {
	case TRANSPORT_OK:
		break;
	case TRANSPORT_BUSY:
		return false;
	case TRANSPORT_GONE:
		stop(f, s);
		return false;
	}
	if (taken.bytes < p.queued_bytes + p.stream_bytes)
		cut_parcel(&p, taken.bytes);
	if (taken.kept > 0)
		s->client->kept = (uint32_t)taken.kept;
	f->writes++;
	f->written += taken.bytes;
	f->deliveries += p.frames;
	f->sent_bytes += taken.bytes;
	s->cursor += p.stream_bytes;
	if (p.queued_bytes > 0) {
		client_sent(s->client, p.queued_bytes);
		f->queued_bytes -= p.queued_bytes;
		if (s->client->queue == NULL)
			s->flags &= (uint8_t)~FANOUT_QUEUED;
	}
	if (p.queued_bytes > 0 || taken.kept > 0)
		fanout_account(f, s->client);
	/* Told when it is free again, so that this is known to be over. */
	if (taken.kept > 0)
		want_write(f, s);
	return true;
}

/* One write if it can take one; has something pending, is not closing. */
static void
serve(struct fanout *f, struct fanout_seat *s, uint64_t slow_bytes)
{
	if (!f->transport->is_busy(s->conn))
		write_once(f, s);
	if ((s->flags & FANOUT_CLOSING) || !fanout_impl_has_pending(f, s))
		return;
	if (slow_bytes > 0 && fanout_impl_lag_of(f, s) > slow_bytes)
		fanout_impl_close_slow(f, s);
	else
		want_write(f, s);
}

void
fanout_send(struct fanout *f, struct client *c, enum frame_opcode opcode,
    const void *payload, size_t n, bool is_hello)
{
	struct fanout_seat *s = fanout_seat(f, c);
	size_t before, after;

	if (s->flags & FANOUT_CLOSING)
		return;
	client_queued(c, &before);
	if (!is_hello && before > 0 &&
	    before + n + FRAME_HEADER_MAX > CLIENT_QUEUE_MAX) {
		serve(f, s, 0);
		if (s->flags & FANOUT_CLOSING)
			return;
		client_queued(c, &before);
		if (before > 0 &&
		    before + n + FRAME_HEADER_MAX > CLIENT_QUEUE_MAX) {
			fanout_impl_close_slow(f, s);
			return;
		}
	}
	if (client_queue(c, opcode, payload, n) == -1) {
		fanout_close(f, c, HUB_CLOSE_OVERLOADED, "out of memory");
		return;
	}
	client_queued(c, &after);
	f->queued_bytes += after - before;
	s->flags |= FANOUT_QUEUED;
	fanout_account(f, c);
	join_queued(f, c);
}

void
fanout_writable(struct fanout *f, struct client *c)
{
	struct fanout_seat *s = fanout_seat(f, c);

	if (s->flags & FANOUT_CLOSING)
		return;
	stop_waiting(f, s);
	fanout_impl_look_at(f, s);
	if (fanout_impl_has_pending(f, s))
		join_queued(f, c);
}

static void
flush_everyone(struct fanout *f, uint64_t slow_bytes, uint64_t limit)
{
	uint64_t needed[FANOUT_ENCODINGS];

	fanout_impl_start_needed(f, needed);
	for (size_t i = 0; i < f->count; i++) {
		struct fanout_seat *s = &f->seats[i];
		/* From memory while the kernel is at this one. */
		if (i + 1 < f->count)
			__builtin_prefetch(f->seats[i + 1].conn);
		if (s->flags & FANOUT_CLOSING || !fanout_impl_has_pending(f, s))
			continue;
		serve(f, s, slow_bytes);
		fanout_impl_note_needed(s, needed);
		if (f->written - f->written_looked > fanout_memory_step(limit))
			fanout_relieve(f, limit);
	}
	fanout_impl_trim(f, needed);
}

void
fanout_flush_queued(struct fanout *f, uint64_t slow_bytes)
{
	while (f->queued_count > 0) {
		struct client *c = f->queued[f->queued_count - 1];
		leave_queued(f, c);
		if (fanout_impl_has_pending(f, fanout_seat(f, c)))
			serve(f, fanout_seat(f, c), slow_bytes);
	}
}

void
fanout_flush(struct fanout *f, uint64_t slow_bytes, uint64_t limit)
{
	if (f->has_grown) {
		f->has_grown = false;
		f->is_urgent = false;
		flush_everyone(f, slow_bytes, limit);
	}
	/* Whoever a pass served may still be on the list. */
	fanout_flush_queued(f, slow_bytes);
}

void
fanout_write_out(struct fanout *f)
{
	for (size_t i = 0; i < f->count; i++) {
		struct fanout_seat *s = &f->seats[i];
		while (!(s->flags & FANOUT_CLOSING) &&
		    fanout_impl_has_pending(f, s) &&
		    !f->transport->is_busy(s->conn))
			if (!write_once(f, s))
				break;
	}
}
