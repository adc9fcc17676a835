/*
 * Events. An encoding that nobody reads is not made, except that gatecast.v1
 * is the history and so is made whenever one is kept.
 */
#include "wsd/room.h"

#include "wsd/lines.h"

#include <string.h>

#define MS_PER_S 1000
#define TIME_MS_AT 20 /* 2026-01-02T03:04:05.678Z: the first of 678 */

int
room_init(struct room *r, const struct room_opts *opts)
{
	memset(r, 0, sizeof(*r));
	r->clock = opts->clock;
	r->config = opts->config;
	r->epoch = opts->epoch;
	r->history = opts->history;
	r->second = INT64_MIN;
	presence_init(&r->presence);
	room_reload(r);
	return fanout_init(&r->fanout, opts->transport, opts->epoch);
}

void
room_fini(struct room *r)
{
	fanout_fini(&r->fanout);
	presence_fini(&r->presence);
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		buf_fini(&r->frames[i]);
	buf_fini(&r->online);
}

/* Both spellings of now; calendars are asked once a second. */
static void
tell_time(struct room *r)
{
	r->now_ms = clock_wall_ms(r->clock);
	int64_t second = r->now_ms / MS_PER_S;
	int ms = (int)(r->now_ms % MS_PER_S);

	if (second != r->second || ms < 0) {
		clock_format_rfc3339(r->now_ms, r->time);
		clock_format_local(r->now_ms, r->local);
		r->second = second;
		return;
	}
	r->time[TIME_MS_AT] = (char)('0' + ms / 100);
	r->time[TIME_MS_AT + 1] = (char)('0' + ms / 10 % 10);
	r->time[TIME_MS_AT + 2] = (char)('0' + ms % 10);
}

static bool
is_encoded(const struct room *r, enum hub_protocol encoding)
{
	if (r->fanout.members[encoding] > 0)
		return true;
	return encoding == HUB_GATECAST && r->config->wsd.history_messages > 0;
}

static void
encode(
    struct room *r, enum hub_protocol encoding, const struct protocol_event *e)
{
	struct buf *out = &r->frames[encoding];

	buf_reset(out);
	if (encoding == HUB_GATECAST)
		protocol_event(out, e);
	else
		lines_event(out, e, r->local,
		    r->config->wsd.plain_lines == CONFIG_PLAIN_HTML);
}

/* What a restart needs of it, into the turn's record. */
static void
note(struct room *r, const struct protocol_event *e, bool is_said)
{
	const struct buf *frame = &r->frames[HUB_GATECAST];
	struct history_op op = {
	    .type = HISTORY_EVENT,
	    .is_said = is_said,
	    .wall_ms = r->now_ms,
	    .payload = buf_str(frame),
	    .payload_bytes = frame->len,
	};

	if (r->config->wsd.history_messages == 0)
		op.type = HISTORY_SILENT;
	history_add(r->history, &op);
	r->has_pending_said = r->has_pending_said || is_said;
	if (is_said)
		return;
	op.type = e->type == PROTOCOL_JOIN ? HISTORY_ONLINE : HISTORY_OFFLINE;
	op.user = e->user;
	op.user_bytes = e->user_bytes;
	history_add(r->history, &op);
}

void
room_mark(struct room *r)
{
	r->committed_seq = r->seq;
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		r->committed_end[i] = r->fanout.streams[i].end;
	r->has_pending_said = false;
}

enum room_err
room_broadcast(struct room *r, struct protocol_event *e)
{
	struct stream *streams = r->fanout.streams;

	if (r->history != NULL && history_is_failing(r->history))
		return ROOM_UNKEPT;
	tell_time(r);
	e->time = r->time;
	e->seq = r->seq + 1;
	/* All that can fail comes first. */
	for (int i = 0; i < FANOUT_ENCODINGS; i++) {
		if (!is_encoded(r, i))
			continue;
		encode(r, i, e);
		if (r->frames[i].has_failed ||
		    stream_reserve(
			&streams[i], r->frames[i].len + FRAME_HEADER_MAX) == -1)
			return ROOM_NOMEM;
	}
	int64_t now_ms = clock_mono_ms(r->clock);
	bool is_said =
	    e->type == PROTOCOL_MESSAGE || e->type == PROTOCOL_NOTICE;
	for (int i = 0; i < FANOUT_ENCODINGS; i++) {
		if (!is_encoded(r, i)) {
			stream_skip(&streams[i]);
			continue;
		}
		uint8_t header[FRAME_HEADER_MAX];
		size_t n = frame_header(header, FRAME_TEXT, r->frames[i].len);
		stream_append(&streams[i], now_ms, is_said, header, n,
		    buf_str(&r->frames[i]), r->frames[i].len);
		if (r->fanout.members[i] == 0)
			continue;
		r->fanout.has_grown = true;
		r->fanout.is_urgent = r->fanout.is_urgent || is_said;
	}
	r->seq = e->seq;
	if (r->history != NULL)
		note(r, e, is_said);
	else
		room_mark(r);
	room_keep(r);
	return ROOM_OK;
}

/* As if nothing had happened since the last mark. */
static void
take_back(struct room *r)
{
	r->has_taken_back = true;
	r->seq = r->committed_seq;
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		stream_rewind(
		    &r->fanout.streams[i], r->seq + 1, r->committed_end[i]);
	for (struct presence_user *u = r->presence.users; u != NULL;
	     u = u->hh.next) {
		if (u->join_seq <= r->seq)
			continue;
		u->join_seq = 0;
		r->has_untold = true;
	}
	room_mark(r);
}

int
room_commit(struct room *r)
{
	if (r->history == NULL || history_pending(r->history) == 0)
		return 0;
	int rc = history_commit(r->history);
	if (rc == -1)
		take_back(r);
	else
		room_mark(r);
	return rc;
}

enum room_err
room_join(struct room *r, struct presence_user *u)
{
	struct protocol_event e = {
	    .type = PROTOCOL_JOIN,
	    .user = u->name,
	    .user_bytes = u->name_bytes,
	};

	enum room_err err = room_broadcast(r, &e);
	if (err == ROOM_OK)
		u->join_seq = e.seq;
	if (err != ROOM_UNKEPT)
		return err;
	r->has_untold = true;
	return ROOM_OK;
}

void
room_tell_untold(struct room *r)
{
	if (!r->has_untold)
		return;
	r->has_untold = false;
	for (struct presence_user *u = r->presence.users; u != NULL;
	     u = u->hh.next)
		if (u->is_online && u->join_seq == 0 &&
		    room_join(r, u) != ROOM_OK)
			r->has_untold = true;
}

void
room_reload(struct room *r)
{
	config_memory_split(r->config, &r->shares);
}

void
room_keep(struct room *r)
{
	struct stream *streams = r->fanout.streams;
	int64_t age_s = r->config->wsd.history_age_s;
	int64_t since_ms =
	    age_s > 0 ? clock_mono_ms(r->clock) - age_s * MS_PER_S : INT64_MIN;

	stream_keep(&streams[HUB_GATECAST],
	    (uint64_t)config_memory_history_messages(r->config, &r->shares),
	    (uint64_t)config_memory_history_bytes(r->config, &r->shares),
	    since_ms);
	stream_keep(&streams[HUB_PLAIN], 0, 0, INT64_MIN);
	/* With members, the next pass knows what they still need. */
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		if (r->fanout.members[i] == 0)
			stream_trim(&streams[i], streams[i].end);
}

void
room_leaves(struct room *r)
{
	int64_t now_ms = clock_mono_ms(r->clock);
	int64_t grace_ms = r->config->wsd.leave_grace_s * MS_PER_S;
	struct presence_user *u, *first;
	size_t n = 0;

	first = presence_next_leaving(&r->presence, grace_ms, now_ms);
	for (u = first; u != NULL && now_ms - u->gone_ms >= grace_ms;
	     u = u->newer) {
		struct protocol_event e = {
		    .type = PROTOCOL_LEAVE,
		    .user = u->name,
		    .user_bytes = u->name_bytes,
		};
		/* Without memory it leaves with a later tick. */
		if (u->join_seq != 0 && room_broadcast(r, &e) != ROOM_OK)
			break;
		n++;
	}
	/* Nobody is gone who might have to be told of again. */
	if (n > 0 && room_commit(r) == 0) {
		r->is_online_stale = true;
		for (; n > 0; n--)
			presence_leave(&r->presence,
			    presence_next_leaving(
				&r->presence, grace_ms, now_ms),
			    now_ms);
	}
	presence_forget(&r->presence, now_ms);
}
