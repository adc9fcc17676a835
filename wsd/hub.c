/*
 * Who may do what: joins and their limits, what clients send, sessions that
 * end, and time. What happened goes to the room (room.h), bytes to the
 * fan-out (fanout.h); nothing here is done for each receiver of a message.
 */
#include "wsd/hub.h"

#include "wsd/held.h"
#include "wsd/lines.h"
#include "wsd/refs.h"
#include "wsd/room.h"
#include "wsd/tally.h"

#include <stdlib.h>
#include <string.h>

#define MS_PER_S 1000
#define UNFINISHED_MS 10000 /* a message must be complete by then */
#define UNANSWERED_MAX 2 /* pings */

struct hub {
	struct room room;
	struct held held;
	struct tally addresses;
	struct refs refs;
	struct wheel pings;
	uint64_t joins; /* spreads the pings */
	uint64_t messages;
	struct buf cleaned; /* a plain client's text */
	bool is_draining;
};

static int64_t
mono_ms(const struct hub *h)
{
	return clock_mono_ms(h->room.clock);
}

static uint64_t
slow_bytes(const struct hub *h)
{
	return (uint64_t)h->room.config->wsd.slow_bytes;
}

struct hub *
hub_new(const struct hub_opts *opts)
{
	struct hub *h = calloc(1, sizeof(*h));
	struct room_opts room = {
	    .transport = opts->transport,
	    .clock = opts->clock,
	    .config = opts->config,
	    .epoch = opts->epoch,
	};

	if (h == NULL)
		return NULL;
	table_init();
	if (room_init(&h->room, &room) == -1) {
		hub_free(h);
		return NULL;
	}
	wheel_init(&h->pings, mono_ms(h) / MS_PER_S);
	return h;
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	room_fini(&h->room);
	held_fini(&h->held);
	tally_fini(&h->addresses);
	refs_fini(&h->refs);
	buf_fini(&h->cleaned);
	free(h);
}

/* --- who is in ----------------------------------------------------------- */

static bool
is_at_limit(int64_t limit, uint64_t count)
{
	return limit > 0 && count >= (uint64_t)limit;
}

enum hub_err
hub_may_join(const struct hub *h, const char *user, const char *address)
{
	const struct config *c = h->room.config;

	if (h->is_draining)
		return HUB_DRAINING;
	if (is_at_limit(c->wsd.max_connections, h->room.fanout.count))
		return HUB_FULL;
	const struct presence_user *u =
	    presence_find(&h->room.presence, user, strlen(user));
	if (u != NULL &&
	    is_at_limit(c->wsd.connections_per_user, u->connections))
		return HUB_USER_FULL;
	if (is_at_limit(c->wsd.connections_per_address,
		tally_count(&h->addresses, address)))
		return HUB_ADDRESS_FULL;
	return HUB_OK;
}

/* The first ping in the second half of an interval, spread by arrival. */
static void
add_first_ping(struct hub *h, struct client *c)
{
	int64_t ping_s = h->room.config->wsd.ping_s;
	uint64_t spread_s = (uint64_t)ping_s / 2 + 1;
	int64_t in_s = ping_s - (int64_t)(h->joins++ % spread_s);

	wheel_add(&h->pings, &c->ping, mono_ms(h) / MS_PER_S + in_s);
}

static int
tell_join(struct hub *h, struct client *c)
{
	struct protocol_event e = {
	    .type = PROTOCOL_JOIN,
	    .user = c->user->name,
	    .user_bytes = c->user->name_bytes,
	};

	return room_broadcast(&h->room, &e);
}

enum hub_err
hub_join(struct hub *h, const struct hub_join *join, struct client **out)
{
	struct room *r = &h->room;
	struct room_entry entry;
	bool is_first;

	*out = NULL;
	enum hub_err err = hub_may_join(h, join->user, join->address);
	if (err != HUB_OK)
		return err;
	struct client *c = client_new();
	if (c == NULL)
		return HUB_NOMEM;
	err = HUB_NOMEM;
	if (held_add(&h->held, c, join->session_key, join->session_end_s) ==
	    -1) {
		if (!held_is_key(join->session_key))
			err = HUB_INVALID;
		goto err0;
	}
	c->address = tally_add(&h->addresses, join->address);
	if (c->address == NULL)
		goto err1;
	room_entry(r, join, &entry);
	if (fanout_add(&r->fanout, c, join->conn, join->protocol,
		entry.position) == -1)
		goto err2;
	c->user = room_enter(r, join->user, &is_first);
	if (c->user == NULL)
		goto err3;
	if (is_first && tell_join(h, c) == -1)
		goto err4;

	c->joined_ms = mono_ms(h);
	if (entry.is_resumed)
		fanout_resume(&r->fanout, c);
	if (join->protocol == HUB_GATECAST)
		room_hello(r, c, &entry);
	add_first_ping(h, c);
	*out = c;
	return HUB_OK;

err4:
	room_undo_enter(r, c->user);
err3:
	fanout_remove(&r->fanout, c);
err2:
	tally_drop(&h->addresses, c->address);
err1:
	held_remove(&h->held, c);
err0:
	client_free(c);
	return err;
}

void
hub_gone(struct hub *h, struct client *c)
{
	wheel_remove(&c->ping);
	fanout_remove(&h->room.fanout, c);
	presence_exit(&h->room.presence, c->user, mono_ms(h));
	tally_drop(&h->addresses, c->address);
	held_remove(&h->held, c);
	client_free(c);
	if (h->room.config->wsd.leave_grace_s == 0)
		room_leaves(&h->room);
}

size_t
hub_count(const struct hub *h)
{
	return h->room.fanout.count;
}

/* --- what clients send ---------------------------------------------------- */

static void
refuse(struct hub *h, struct client *c, enum protocol_err err, const char *ref,
    size_t ref_bytes, int64_t retry_after_ms)
{
	struct buf *out = &h->room.frames[HUB_GATECAST];

	/* A line has no way to tell. */
	if (fanout_seat(&h->room.fanout, c)->encoding != HUB_GATECAST)
		return;
	buf_reset(out);
	protocol_error(out, err, ref, ref_bytes, retry_after_ms);
	room_send(&h->room, c, out);
}

static void
acknowledge(struct hub *h, struct client *c, const char *ref, size_t ref_bytes,
    uint64_t seq)
{
	struct buf *out = &h->room.frames[HUB_GATECAST];

	buf_reset(out);
	protocol_ack(out, ref, ref_bytes, seq);
	room_send(&h->room, c, out);
}

/* Whether the user may say one more now. */
static bool
is_allowed(struct hub *h, struct client *c, const char *ref, size_t ref_bytes)
{
	const struct config *config = h->room.config;
	struct presence_user *u = c->user;
	int64_t burst = config->wsd.user_burst;
	int64_t wait_ms = ratelimit_take(
	    &u->bucket, config->wsd.user_rate, burst, mono_ms(h));

	if (wait_ms == 0) {
		u->refused = 0;
		return true;
	}
	/* Who goes on and on after being told is shown the door. */
	u->refused++;
	if (u->refused > 2 * (uint64_t)(burst > 0 ? burst : 1)) {
		u->refused = 0;
		fanout_close(&h->room.fanout, c, HUB_CLOSE_TOO_FAST,
		    "too many messages");
		return false;
	}
	refuse(h, c, PROTOCOL_TOO_FAST, ref, ref_bytes, wait_ms);
	return false;
}

static size_t
refs_max(const struct hub *h)
{
	int64_t messages = h->room.config->wsd.history_messages;

	return messages > REFS_MIN ? (size_t)messages : REFS_MIN;
}

/* A message that was looked at and is good; ref NULL: none. */
static void
say(struct hub *h, struct client *c, const char *text, size_t text_bytes,
    const char *ref, size_t ref_bytes)
{
	const struct presence_user *u = c->user;
	struct protocol_event e = {
	    .type = PROTOCOL_MESSAGE,
	    .user = u->name,
	    .user_bytes = u->name_bytes,
	    .text = text,
	    .text_bytes = text_bytes,
	};

	if (ref != NULL) {
		uint64_t seq =
		    refs_find(&h->refs, u->name, u->name_bytes, ref, ref_bytes);
		if (seq != 0) {
			acknowledge(h, c, ref, ref_bytes, seq);
			return;
		}
	}
	if (!is_allowed(h, c, ref, ref_bytes))
		return;
	if (room_broadcast(&h->room, &e) == -1) {
		room_overloaded(&h->room, c);
		return;
	}
	h->messages++;
	/* Without memory for it, it would be said twice: rather that. */
	if (ref != NULL)
		refs_add(&h->refs, u->name, u->name_bytes, ref, ref_bytes,
		    e.seq, refs_max(h));
	if (fanout_seat(&h->room.fanout, c)->encoding == HUB_GATECAST)
		acknowledge(h, c, ref, ref_bytes, e.seq);
}

static void
take_line(struct hub *h, struct client *c, const char *text, size_t n)
{
	if (protocol_has_control(text, n)) {
		buf_reset(&h->cleaned);
		lines_clean(&h->cleaned, text, n);
		if (h->cleaned.has_failed) {
			room_overloaded(&h->room, c);
			return;
		}
		text = buf_str(&h->cleaned);
		n = h->cleaned.len;
	}
	if (!protocol_is_blank(text, n))
		say(h, c, text, n, NULL, 0);
}

static void
take_object(struct hub *h, struct client *c, const char *bytes, size_t n)
{
	struct protocol_request r;
	enum protocol_err err = protocol_decode(
	    bytes, n, (size_t)h->room.config->wsd.message_bytes, &r);

	if (err != PROTOCOL_OK)
		refuse(h, c, err, r.ref, r.ref_bytes, 0);
	else if (r.type == PROTOCOL_SEND)
		say(h, c, r.text, r.text_bytes, r.ref, r.ref_bytes);
	else
		room_history(&h->room, c, r.before, r.limit);
	protocol_request_fini(&r);
}

/* The longest frame payload that may hold a good message. */
static size_t
payload_max(const struct hub *h, enum hub_protocol encoding)
{
	size_t n = (size_t)h->room.config->wsd.message_bytes;

	return encoding == HUB_PLAIN
	    ? n
	    : n * PROTOCOL_ESCAPE_MAX + PROTOCOL_FRAME_EXTRA;
}

/* Room for a and b behind used bytes of max, without overflow. */
static bool
does_fit(size_t max, size_t used, size_t a, size_t b)
{
	return used <= max && a <= max - used && b <= max - used - a;
}

void
hub_receive(struct hub *h, struct client *c, const struct hub_fragment *f)
{
	struct fanout *fanout = &h->room.fanout;
	enum hub_protocol encoding = fanout_seat(fanout, c)->encoding;
	const uint8_t *bytes = f->bytes;
	size_t n = f->n;

	if (fanout_is_closing(fanout, c))
		return;
	c->unanswered = 0;
	if (f->is_binary) {
		fanout_close(fanout, c, HUB_CLOSE_BINARY, "text only");
		return;
	}
	if (f->is_first)
		client_drop_partial(c);
	size_t used = c->partial == NULL ? 0 : c->partial->n;
	if (!does_fit(payload_max(h, encoding), used, n, f->remaining)) {
		fanout_close(fanout, c, HUB_CLOSE_TOO_LONG, "too long");
		return;
	}
	if (!f->is_final || c->partial != NULL) {
		if (client_collect(c, bytes, n, mono_ms(h)) == -1) {
			room_overloaded(&h->room, c);
			return;
		}
		if (!f->is_final) {
			fanout_seat(fanout, c)->flags |= FANOUT_UNFINISHED;
			return;
		}
		bytes = c->partial->bytes;
		n = c->partial->n;
	}
	/* Closing c drops its unfinished message: it is no longer that. */
	struct client_partial *whole = c->partial;
	c->partial = NULL;
	fanout_seat(fanout, c)->flags &= (uint8_t)~FANOUT_UNFINISHED;
	if (encoding == HUB_PLAIN)
		take_line(h, c, (const char *)bytes, n);
	else
		take_object(h, c, (const char *)bytes, n);
	free(whole);
}

void
hub_pong(struct hub *h, struct client *c)
{
	(void)h;
	c->unanswered = 0;
}

int
hub_notice(struct hub *h, const char *text, size_t n)
{
	struct protocol_event e = {
	    .type = PROTOCOL_NOTICE,
	    .text = text,
	    .text_bytes = n,
	};
	size_t max = payload_max(h, HUB_PLAIN);

	if (protocol_is_blank(text, n) || !does_fit(max, 0, n, 0))
		return -1;
	return room_broadcast(&h->room, &e);
}

/* --- what they get -------------------------------------------------------- */

void
hub_writable(struct hub *h, struct client *c)
{
	fanout_writable(&h->room.fanout, c, slow_bytes(h));
}

bool
hub_is_dirty(const struct hub *h)
{
	return h->room.fanout.has_grown || h->room.fanout.queued_count > 0;
}

void
hub_flush(struct hub *h)
{
	fanout_flush(&h->room.fanout, slow_bytes(h));
}

void
hub_drain(struct hub *h, uint16_t code, const char *reason)
{
	struct fanout *f = &h->room.fanout;

	h->is_draining = true;
	fanout_drain(f);
	for (size_t i = 0; i < f->count; i++)
		fanout_close(f, f->seats[i].client, code, reason);
}

/* --- sessions that end ---------------------------------------------------- */

static size_t
end_session(struct hub *h, struct held_session *e)
{
	size_t closed = 0;

	for (struct client *c = e->clients; c != NULL; c = c->session_next) {
		if (fanout_is_closing(&h->room.fanout, c))
			continue;
		fanout_close(
		    &h->room.fanout, c, HUB_CLOSE_SESSION_OVER, "session over");
		closed++;
	}
	return closed;
}

size_t
hub_end_session(struct hub *h, const char *session_key)
{
	struct held_session *e = held_find(&h->held, session_key);

	return e == NULL ? 0 : end_session(h, e);
}

static bool
has_open_client(const struct hub *h, const struct held_session *e)
{
	for (struct client *c = e->clients; c != NULL; c = c->session_next)
		if (!fanout_is_closing(&h->room.fanout, c))
			return true;
	return false;
}

size_t
hub_recheck(struct hub *h, bool everything, hub_verify *verify, void *arg)
{
	int64_t now_s = clock_wall_s(h->room.clock);
	struct held_session *e, *next;
	size_t closed = 0;

	HASH_ITER (hh, h->held.sessions, e, next) {
		char key[SESSIONS_KEY_SIZE];
		int64_t end_s = e->end_s;
		if ((!everything && e->end_s > now_s) || !has_open_client(h, e))
			continue;
		held_key(e, key);
		switch (verify(arg, key, &end_s)) {
		case SESSIONS_VALID:
			e->end_s = end_s;
			break;
		case SESSIONS_UNAVAILABLE:
			break;
		case SESSIONS_BAD_TOKEN:
		case SESSIONS_UNKNOWN:
		case SESSIONS_EXPIRED:
			closed += end_session(h, e);
			break;
		}
	}
	return closed;
}

/* --- time ----------------------------------------------------------------- */

static void
ping(void *arg, struct wheel_node *n)
{
	struct hub *h = arg;
	struct client *c = client_of_ping(n);

	if (fanout_is_closing(&h->room.fanout, c))
		return;
	if (c->unanswered >= UNANSWERED_MAX) {
		fanout_close(
		    &h->room.fanout, c, HUB_CLOSE_GOING_AWAY, "ping timeout");
		return;
	}
	c->unanswered++;
	fanout_send(&h->room.fanout, c, FRAME_PING, "", 0, false);
	wheel_add(
	    &h->pings, n, mono_ms(h) / MS_PER_S + h->room.config->wsd.ping_s);
}

void
hub_tick(struct hub *h)
{
	struct fanout *f = &h->room.fanout;
	int64_t now_ms = mono_ms(h);

	for (size_t i = 0; i < f->count; i++) {
		struct client *c = f->seats[i].client;
		if (!(f->seats[i].flags & FANOUT_UNFINISHED))
			continue;
		if (c->partial != NULL &&
		    now_ms - c->partial->since_ms > UNFINISHED_MS)
			fanout_close(
			    f, c, HUB_CLOSE_TOO_SLOW, "unfinished message");
	}
	wheel_advance(&h->pings, now_ms / MS_PER_S, ping, h);
	room_leaves(&h->room);
	room_keep(&h->room);
	fanout_tick(f, now_ms, h->room.config->wsd.slow_s * MS_PER_S);
}

void
hub_get_stats(const struct hub *h, struct hub_stats *out)
{
	const struct fanout *f = &h->room.fanout;

	*out = (struct hub_stats){
	    .connections = f->count,
	    .users = h->room.presence.online,
	    .seq = h->room.seq,
	    .messages = h->messages,
	    .deliveries = f->deliveries,
	    .writes = f->writes,
	    .slow_closed = f->slow_closed,
	    .queued_bytes = f->queued_bytes,
	};
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		out->log_bytes += stream_held_bytes(&f->streams[i]);
}
