/*
 * The hub and its journal: what a start takes up from it, what the next file
 * begins with, and acknowledgements, which wait for the write.
 */
#include "wsd/hub_impl.h"

#include "auth/name.h"

#include <stdlib.h>
#include <string.h>

/* Whoever was here before a restart has so long to come back, and then the
 * grace of everybody: a restart is no news to the room. */
#define RETURN_MS 10000
#define ACKS_MIN 64
#define TOLD UINT64_C(1) /* join_seq of a join from before */

/* --- acknowledgements ------------------------------------------------------
 */

int
hub_reserve_ack(struct hub *h)
{
	if (h->acks_count < h->acks_size)
		return 0;
	size_t size = h->acks_size == 0 ? ACKS_MIN : h->acks_size * 2;
	struct hub_ack *acks = realloc(h->acks, size * sizeof(*acks));
	if (acks == NULL)
		return -1;
	h->acks = acks;
	h->acks_size = size;
	return 0;
}

static void
answer(struct hub *h, struct client *c, const char *ref, size_t ref_bytes,
    uint64_t seq)
{
	struct buf *out = &h->room.frames[HUB_GATECAST];

	buf_reset(out);
	if (seq <= h->room.committed_seq)
		protocol_ack(out, ref, ref_bytes, seq);
	else
		protocol_error(out, PROTOCOL_UNAVAILABLE, ref, ref_bytes,
		    HUB_RETRY_AFTER_MS);
	room_send(&h->room, c, out);
}

void
hub_acknowledge(struct hub *h, struct client *c, const char *ref,
    size_t ref_bytes, uint64_t seq)
{
	if (seq <= h->room.committed_seq) {
		answer(h, c, ref, ref_bytes, seq);
		return;
	}
	struct hub_ack *a = &h->acks[h->acks_count++];
	a->client = c;
	a->seq = seq;
	a->has_ref = ref != NULL;
	a->ref_bytes = (uint8_t)ref_bytes;
	if (ref != NULL)
		memcpy(a->ref, ref, ref_bytes);
}

void
hub_forget_acks(struct hub *h, const struct client *c)
{
	for (size_t i = 0; i < h->acks_count; i++)
		if (h->acks[i].client == c)
			h->acks[i].client = NULL;
}

void
hub_commit(struct hub *h)
{
	room_commit(&h->room);
	if (h->room.has_taken_back)
		refs_rewind(&h->refs, h->room.committed_seq);
	h->room.has_taken_back = false;
	for (size_t i = 0; i < h->acks_count; i++) {
		const struct hub_ack *a = &h->acks[i];
		if (a->client != NULL)
			answer(h, a->client, a->has_ref ? a->ref : NULL,
			    a->ref_bytes, a->seq);
	}
	h->acks_count = 0;
}

/* --- the next file ---------------------------------------------------------
 */

static void
add_ref(void *arg, const char *user, size_t user_bytes, const char *ref,
    size_t ref_bytes, uint64_t seq)
{
	history_add(arg,
	    &(struct history_op){
		.type = HISTORY_REF,
		.seq = seq,
		.user = user,
		.user_bytes = user_bytes,
		.ref = ref,
		.ref_bytes = ref_bytes,
	    });
}

static void
add_event(const struct room *r, uint64_t seq, struct history *to)
{
	const uint8_t *frame;
	size_t frame_bytes, header_bytes;
	const struct stream_event *e = stream_find(
	    &r->fanout.streams[HUB_GATECAST], seq, &frame, &frame_bytes);
	int64_t age_ms = clock_mono_ms(r->clock) - e->mono_ms;

	frame_measure(frame, frame_bytes, &header_bytes, &frame_bytes);
	history_add(to,
	    &(struct history_op){
		.type = HISTORY_EVENT,
		.is_said = e->is_said,
		.wall_ms = clock_wall_ms(r->clock) - age_ms,
		.payload = (const char *)frame + header_bytes,
		.payload_bytes = frame_bytes - header_bytes,
	    });
}

static void
fill(void *arg, struct history *to)
{
	const struct hub *h = arg;
	const struct room *r = &h->room;
	uint64_t first = stream_oldest_kept(&r->fanout.streams[HUB_GATECAST]);

	history_begin(to, r->epoch, first - 1);
	for (uint64_t seq = first; seq <= r->seq; seq++)
		add_event(r, seq, to);
	refs_each(&h->refs, add_ref, to);
	for (const struct presence_user *u = r->presence.users; u != NULL;
	     u = u->hh.next)
		if (u->is_online && u->join_seq != 0)
			history_add(to,
			    &(struct history_op){
				.type = HISTORY_ONLINE,
				.wall_ms = u->since_ms,
				.user = u->name,
				.user_bytes = u->name_bytes,
			    });
}

void
hub_renew_history(struct hub *h)
{
	struct history *history = h->room.history;

	if (history == NULL || !history_wants_renewal(history))
		return;
	room_keep(&h->room);
	history_renew(history, fill, h);
	if (!history_is_failing(history))
		room_tell_untold(&h->room);
}

/* --- a start ---------------------------------------------------------------
 */

static int
restore_event(struct room *r, const struct history_op *op)
{
	struct stream *streams = r->fanout.streams;
	uint8_t header[FRAME_HEADER_MAX];
	/* Whatever the clock said then, or a file says it did. */
	int64_t now_ms = clock_wall_ms(r->clock);
	int64_t wall_ms = op->wall_ms > 0 ? op->wall_ms : 0;
	int64_t age_ms = wall_ms < now_ms ? now_ms - wall_ms : 0;

	if (stream_reserve(&streams[HUB_GATECAST],
		op->payload_bytes + FRAME_HEADER_MAX) == -1)
		return -1;
	size_t n = frame_header(header, FRAME_TEXT, op->payload_bytes);
	stream_append(&streams[HUB_GATECAST], clock_mono_ms(r->clock) - age_ms,
	    op->is_said, header, n, op->payload, op->payload_bytes);
	stream_skip(&streams[HUB_PLAIN]);
	r->seq++;
	return 0;
}

static int
restore_ref(struct hub *h, const struct history_op *op)
{
	char name[NAME_SIZE];

	/* As below: the next file has to be one that can be read. */
	if (name_canonical(op->user, op->user_bytes, name) != NAME_OK ||
	    op->ref_bytes > REFS_REF_MAX || op->seq > h->room.seq ||
	    refs_find(&h->refs, op->user, op->user_bytes, op->ref,
		op->ref_bytes) != 0)
		return 0;
	return refs_add(&h->refs, op->user, op->user_bytes, op->ref,
	    op->ref_bytes, op->seq, hub_refs_max(h));
}

static int
restore_online(struct room *r, const struct history_op *op)
{
	char name[NAME_SIZE];
	bool is_first;

	/* No account has another: it would be in each hello, and, cut at a
	 * NUL, in the next file as a name of no length, which nobody reads. */
	if (name_canonical(op->user, op->user_bytes, name) != NAME_OK)
		return 0;
	struct presence_user *u =
	    presence_enter(&r->presence, name, op->wall_ms, &is_first);
	if (u == NULL)
		return -1;
	u->join_seq = TOLD;
	presence_exit(&r->presence, u, clock_mono_ms(r->clock) + RETURN_MS);
	return 0;
}

static int
restore(void *arg, const struct history_op *op)
{
	struct hub *h = arg;
	struct room *r = &h->room;
	struct presence_user *u;

	switch (op->type) {
	case HISTORY_BEGIN:
		r->seq = op->seq;
		for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
			stream_begin(&r->fanout.streams[i], op->seq + 1);
		return 0;
	case HISTORY_EVENT:
		return restore_event(r, op);
	case HISTORY_SILENT:
		for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
			stream_skip(&r->fanout.streams[i]);
		r->seq++;
		return 0;
	case HISTORY_REF:
		return restore_ref(h, op);
	case HISTORY_ONLINE:
		return restore_online(r, op);
	case HISTORY_OFFLINE:
		u = presence_find(&r->presence, op->user, op->user_bytes);
		if (u != NULL && u->is_online)
			presence_leave(
			    &r->presence, u, clock_mono_ms(r->clock));
		return 0;
	default:
		return 0;
	}
}

int
hub_restore(struct hub *h)
{
	struct room *r = &h->room;

	if (r->history == NULL)
		return 0;
	if (history_load(r->history, restore, h, &r->epoch) == -1)
		return -1;
	r->fanout.epoch = r->epoch;
	r->is_online_stale = true;
	room_keep(r);
	room_mark(r);
	/* On a full disk it starts for those who read. */
	history_renew(r->history, fill, h);
	return 0;
}
