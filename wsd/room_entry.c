/*
 * What one connection gets: its place in the sequence, the hello with who is
 * online, answers. The list in the hello is kept ready and grows with each
 * join; a leave makes it stale, and the next hello writes it anew.
 */
#include "wsd/room.h"

static void
add_online(struct room *r, const struct presence_user *u)
{
	char since[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(u->since_ms, since);
	protocol_online(&r->online, u->name, u->name_bytes, since);
	if (r->online.has_failed)
		r->is_online_stale = true;
}

static void
refresh_online(struct room *r)
{
	if (!r->is_online_stale)
		return;
	buf_reset(&r->online);
	r->is_online_stale = false;
	for (const struct presence_user *u = r->presence.users; u != NULL;
	     u = u->hh.next)
		if (u->is_online)
			add_online(r, u);
}

struct presence_user *
room_enter(struct room *r, const char *name, bool *is_first)
{
	struct presence_user *u = presence_enter(
	    &r->presence, name, clock_wall_ms(r->clock), is_first);

	if (u != NULL && *is_first && !r->is_online_stale)
		add_online(r, u);
	return u;
}

void
room_undo_enter(struct room *r, struct presence_user *u)
{
	int64_t now_ms = clock_mono_ms(r->clock);

	presence_exit(&r->presence, u, now_ms);
	presence_leave(&r->presence, u, now_ms);
	r->is_online_stale = true;
}

/* A place that a join may be given: held, and never taken back. */
static bool
is_settled(const struct room *r, const struct hub_join *join)
{
	return r->seq == r->committed_seq ||
	    (!r->has_pending_said && !join->has_cursor &&
		r->fanout.members[join->protocol] > 0);
}

void
room_entry(struct room *r, const struct hub_join *join, struct room_entry *out)
{
	const struct stream *s = &r->fanout.streams[join->protocol];

	if (!is_settled(r, join))
		room_commit(r);
	*out = (struct room_entry){
	    .seq = r->committed_seq,
	    .position = r->committed_end[join->protocol],
	};
	if (join->protocol != HUB_GATECAST || !join->has_cursor ||
	    join->cursor_epoch != r->epoch ||
	    join->cursor_seq > r->committed_seq)
		return;
	uint64_t next = join->cursor_seq + 1;
	uint64_t oldest = stream_oldest_kept(s);
	out->seq = join->cursor_seq;
	out->is_resumed = true;
	if (next < oldest) {
		out->gap_to = oldest - 1;
		next = oldest;
	}
	out->position = stream_position(s, next);
}

void
room_overloaded(struct room *r, struct client *c)
{
	fanout_close(&r->fanout, c, HUB_CLOSE_OVERLOADED, "out of memory");
}

void
room_send(struct room *r, struct client *c, const struct buf *out)
{
	size_t queued;

	if (out->has_failed) {
		room_overloaded(r, c);
		return;
	}
	/* A queue that is full is written at once, and events behind it. */
	client_queued(c, &queued);
	if (queued > CLIENT_QUEUE_MAX / 2)
		room_commit(r);
	fanout_send(&r->fanout, c, FRAME_TEXT, buf_str(out), out->len, false);
}

void
room_hello(struct room *r, struct client *c, const struct room_entry *entry)
{
	struct buf *out = &r->frames[HUB_GATECAST];

	refresh_online(r);
	struct protocol_hello hello = {
	    .user = c->user->name,
	    .user_bytes = c->user->name_bytes,
	    .epoch = r->epoch,
	    .seq = entry->seq,
	    .is_resumed = entry->is_resumed,
	    .ping_s = r->config->wsd.ping_s,
	    .message_bytes = r->config->wsd.message_bytes,
	    .online = &r->online,
	};
	buf_reset(out);
	protocol_hello(out, &hello);
	if (out->has_failed || r->is_online_stale) {
		room_overloaded(r, c);
		return;
	}
	fanout_send(&r->fanout, c, FRAME_TEXT, buf_str(out), out->len, true);
	if (entry->gap_to == 0)
		return;
	buf_reset(out);
	protocol_gap(out, entry->seq + 1, entry->gap_to);
	fanout_send(&r->fanout, c, FRAME_TEXT, buf_str(out), out->len, true);
}

void
room_history(struct room *r, struct client *c, uint64_t before, size_t limit)
{
	const struct stream *s = &r->fanout.streams[HUB_GATECAST];
	struct buf *out = &r->frames[HUB_GATECAST];
	uint64_t chosen[PROTOCOL_HISTORY_MAX];
	uint64_t next = r->committed_seq + 1;
	uint64_t seq = before < next ? before : next;
	uint64_t oldest = stream_oldest_kept(s);
	size_t n = 0, total = 0, frame_bytes, header_bytes;
	const uint8_t *frame;
	bool has_more = false;

	/* Backwards, to find which ones; then forwards. */
	while (seq > oldest && !has_more) {
		const struct stream_event *e =
		    stream_find(s, --seq, &frame, &frame_bytes);
		if (e == NULL || !e->is_said)
			continue;
		has_more = n == limit ||
		    (n > 0 && total + frame_bytes > PROTOCOL_HISTORY_BYTES);
		if (!has_more) {
			chosen[n++] = seq;
			total += frame_bytes;
		}
	}
	buf_reset(out);
	buf_puts(out, "{\"type\":\"history\",\"messages\":[");
	for (size_t i = n; i-- > 0;) {
		stream_find(s, chosen[i], &frame, &frame_bytes);
		frame_measure(frame, frame_bytes, &header_bytes, &frame_bytes);
		buf_append(
		    out, frame + header_bytes, frame_bytes - header_bytes);
		if (i > 0)
			buf_putc(out, ',');
	}
	buf_puts(out, has_more ? "],\"more\":true}" : "],\"more\":false}");
	room_send(r, c, out);
}
