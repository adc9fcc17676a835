/*
 * What clients send: pieces become messages, messages are looked at, and
 * what is good is said in the room. Plain lines and gatecast.v1 part ways in
 * take_line and take_object alone.
 */
#include "wsd/hub_impl.h"
#include "wsd/lines.h"

#include <stdlib.h>

_Static_assert(PROTOCOL_REF_MAX <= REFS_REF_MAX, "a ref may be too long");

/* What shares a record of the journal, and waits for its write. */
#define TURN_MESSAGES_MAX 4096
#define TURN_BYTES_MAX ((size_t)1 << 20)

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

/*
 * Takes a token of the user's: 0, or after how many ms to try again; c may be
 * closed then.
 */
static int64_t
take_token(struct hub *h, struct client *c)
{
	const struct config *config = h->room.config;
	struct presence_user *u = c->user;
	int64_t burst = config->wsd.user_burst;
	int64_t wait_ms = ratelimit_take(
	    &u->bucket, config->wsd.user_rate, burst, hub_mono_ms(h));

	if (wait_ms == 0) {
		u->refused = 0;
		return 0;
	}
	h->too_fast++;
	/* Who goes on and on after being told is shown the door. */
	u->refused++;
	if (u->refused > 2 * (uint64_t)(burst > 0 ? burst : 1)) {
		u->refused = 0;
		fanout_close(&h->room.fanout, c, HUB_CLOSE_TOO_FAST,
		    "too many messages");
	}
	return wait_ms;
}

/* Whether the user may say one more now; told if not. */
static bool
is_allowed(struct hub *h, struct client *c, const char *ref, size_t ref_bytes)
{
	int64_t wait_ms = take_token(h, c);

	if (wait_ms > 0 && !fanout_is_closing(&h->room.fanout, c))
		refuse(h, c, PROTOCOL_TOO_FAST, ref, ref_bytes, wait_ms);
	return wait_ms == 0;
}

size_t
hub_refs_max(const struct hub *h)
{
	int64_t messages =
	    config_memory_history_messages(h->room.config, &h->room.shares);

	return messages > REFS_MIN ? (size_t)messages : REFS_MIN;
}

/* What was said with that ref, in the journal too. */
static void
note_ref(struct hub *h, const struct presence_user *u, const char *ref,
    size_t ref_bytes, uint64_t seq)
{
	if (h->room.history == NULL)
		return;
	history_add(h->room.history,
	    &(struct history_op){
		.type = HISTORY_REF,
		.seq = seq,
		.user = u->name,
		.user_bytes = u->name_bytes,
		.ref = ref,
		.ref_bytes = ref_bytes,
	    });
}

/* Plain lines are not acknowledged, long texts are few: hence two bounds. */
static void
end_long_turn(struct hub *h)
{
	const struct history *history = h->room.history;

	if (h->acks_count >= TURN_MESSAGES_MAX ||
	    (history != NULL && history_pending(history) >= TURN_BYTES_MAX))
		hub_commit(h);
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

	end_long_turn(h);
	if (hub_reserve_ack(h) == -1) {
		room_overloaded(&h->room, c);
		return;
	}
	if (ref != NULL) {
		uint64_t seq =
		    refs_find(&h->refs, u->name, u->name_bytes, ref, ref_bytes);
		/* An answer costs as much; but it is owed, fast or not. */
		if (seq != 0) {
			take_token(h, c);
			if (!fanout_is_closing(&h->room.fanout, c))
				hub_acknowledge(h, c, ref, ref_bytes, seq);
			return;
		}
	}
	if (!is_allowed(h, c, ref, ref_bytes))
		return;
	/* First: what could not be remembered would be said twice. */
	uint64_t before = h->room.seq;
	if (ref != NULL &&
	    refs_add(&h->refs, u->name, u->name_bytes, ref, ref_bytes,
		before + 1, hub_refs_max(h)) == -1) {
		room_overloaded(&h->room, c);
		return;
	}
	enum room_err err = room_broadcast(&h->room, &e);
	if (err != ROOM_OK && ref != NULL)
		refs_rewind(&h->refs, before);
	switch (err) {
	case ROOM_OK:
		break;
	case ROOM_NOMEM:
		room_overloaded(&h->room, c);
		return;
	case ROOM_UNKEPT:
		refuse(h, c, PROTOCOL_UNAVAILABLE, ref, ref_bytes,
		    HUB_RETRY_AFTER_MS);
		return;
	}
	h->messages++;
	if (ref != NULL)
		note_ref(h, u, ref, ref_bytes, e.seq);
	if (fanout_seat(&h->room.fanout, c)->encoding == HUB_GATECAST)
		hub_acknowledge(h, c, ref, ref_bytes, e.seq);
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

	if (err == PROTOCOL_NOMEM) {
		room_overloaded(&h->room, c);
	} else if (err != PROTOCOL_OK) {
		/* Answering costs as much as saying it would. */
		if (is_allowed(h, c, r.ref, r.ref_bytes))
			refuse(h, c, err, r.ref, r.ref_bytes, 0);
	} else if (r.type == PROTOCOL_SEND) {
		say(h, c, r.text, r.text_bytes, r.ref, r.ref_bytes);
	} else if (is_allowed(h, c, NULL, 0)) {
		room_history(&h->room, c, r.before, r.limit);
	}
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
does_fit(size_t max, size_t used, size_t a, uint64_t b)
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
	h->received_bytes += n;
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
		if (client_collect(c, bytes, n, hub_mono_ms(h)) == -1) {
			room_overloaded(&h->room, c);
			return;
		}
		if (!f->is_final) {
			fanout_seat(fanout, c)->flags |= FANOUT_UNFINISHED;
			fanout_account(fanout, c);
			hub_relieve(h);
			return;
		}
		bytes = c->partial->bytes;
		n = c->partial->n;
	}
	/* Closing c drops its unfinished message: it is no longer that. */
	struct client_partial *whole = c->partial;
	c->partial = NULL;
	fanout_account(fanout, c);
	fanout_seat(fanout, c)->flags &= (uint8_t)~FANOUT_UNFINISHED;
	if (encoding == HUB_PLAIN)
		take_line(h, c, (const char *)bytes, n);
	else
		take_object(h, c, (const char *)bytes, n);
	free(whole);
}

void
hub_pong(struct client *c)
{
	c->unanswered = 0;
}

bool
hub_ping(struct hub *h, struct client *c)
{
	if (fanout_is_closing(&h->room.fanout, c))
		return false;
	c->unanswered = 0;
	return take_token(h, c) == 0;
}
