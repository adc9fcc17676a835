/*
 * Who is in: joins and their limits, and time. What clients send is in
 * hub_receive.c, sessions that end in hub_session.c. What happened goes to
 * the room (room.h), bytes to the fan-out (fanout.h); nothing here is done
 * for each receiver of a message.
 */
#include "wsd/hub_impl.h"

#include <stdlib.h>
#include <string.h>

#define MS_PER_S 1000
#define UNFINISHED_MS 10000 /* a message must be complete by then */
#define UNANSWERED_MAX 2 /* pings */

static uint64_t
slow_bytes(const struct hub *h)
{
	return (uint64_t)config_memory_slow_bytes(
	    h->room.config, &h->room.shares);
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
	    .history = opts->history,
	};

	if (h == NULL)
		return NULL;
	table_init();
	if (room_init(&h->room, &room) == -1 || hub_restore(h) == -1) {
		hub_free(h);
		return NULL;
	}
	wheel_init(&h->pings, hub_mono_ms(h) / MS_PER_S);
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
	free(h->acks);
	free(h);
}

/* --- who is in ----------------------------------------------------------- */

static bool
is_at_limit(int64_t limit, uint64_t count)
{
	return limit > 0 && count >= (uint64_t)limit;
}

/* No share for one more connection, or none for what its hello takes. */
static bool
is_out_of_memory(const struct hub *h)
{
	const struct config_memory *m = &h->room.shares;
	uint64_t count = h->room.fanout.count + 1;

	return m->total > 0 &&
	    (count * CONFIG_MEMORY_CONNECTION > (uint64_t)m->connections ||
		fanout_memory(&h->room.fanout) + h->room.online.len >=
		    fanout_memory_soft((uint64_t)m->queues));
}

enum hub_err
hub_may_join(const struct hub *h, const char *user, const char *address)
{
	const struct config *c = h->room.config;

	if (h->refuses_joins)
		return HUB_DRAINING;
	if (is_at_limit(c->wsd.max_connections, h->room.fanout.count) ||
	    is_out_of_memory(h))
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

	wheel_add(&h->pings, &c->ping, hub_mono_ms(h) / MS_PER_S + in_s);
}

static void
tell_leaves(struct hub *h)
{
	if (h->has_left)
		room_leaves(&h->room);
	h->has_left = false;
}

/* Its last connection went, and nobody has been told. */
static bool
is_gone_untold(const struct hub *h, const char *user)
{
	if (!h->has_left)
		return false;
	const struct presence_user *u =
	    presence_find(&h->room.presence, user, strlen(user));
	return u != NULL && u->is_online && u->connections == 0;
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
	/* Without a grace every absence is told of, however short. */
	if (is_gone_untold(h, join->user))
		tell_leaves(h);
	room_entry(r, join, &entry);
	if (fanout_add(&r->fanout, c, join->conn, join->protocol,
		entry.position) == -1)
		goto err2;
	c->user = room_enter(r, join->user, &is_first);
	if (c->user == NULL)
		goto err3;
	if (is_first && room_join(r, c->user) != ROOM_OK)
		goto err4;

	c->joined_ms = hub_mono_ms(h);
	h->joined[join->protocol]++;
	if (join->has_cursor)
		h->resumes[!entry.is_resumed ? HUB_RESUME_FRESH
			: entry.gap_to > 0   ? HUB_RESUMED_GAP
					     : HUB_RESUMED]++;
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
hub_closing(struct hub *h, struct client *c, uint16_t code)
{
	fanout_closing(&h->room.fanout, c, code);
}

void
hub_gone(struct hub *h, struct client *c)
{
	wheel_remove(&c->ping);
	hub_forget_acks(h, c);
	fanout_remove(&h->room.fanout, c);
	presence_exit(&h->room.presence, c->user, hub_mono_ms(h));
	tally_drop(&h->addresses, c->address);
	held_remove(&h->held, c);
	client_free(c);
	h->gone++;
	/* Not here: of many who go at once each would be a write. */
	if (h->room.config->wsd.leave_grace_s == 0)
		h->has_left = true;
}

size_t
hub_count(const struct hub *h)
{
	return h->room.fanout.count;
}

/* Of the administrator's. */
static int
publish(struct hub *h, struct protocol_event *e)
{
	if (protocol_is_blank(e->text, e->text_bytes) ||
	    e->text_bytes > (uint64_t)h->room.config->wsd.message_bytes)
		return -1;
	/* Who asked for it is told at once whether it happened. */
	return room_broadcast(&h->room, e) == ROOM_OK ? room_commit(&h->room)
						      : -1;
}

int
hub_say_as(struct hub *h, const char *user, const char *text, size_t n)
{
	struct protocol_event e = {
	    .type = PROTOCOL_MESSAGE,
	    .user = user,
	    .user_bytes = strlen(user),
	    .text = text,
	    .text_bytes = n,
	};

	if (publish(h, &e) == -1)
		return -1;
	h->messages++;
	return 0;
}

int
hub_notice(struct hub *h, const char *text, size_t n)
{
	struct protocol_event e = {
	    .type = PROTOCOL_NOTICE,
	    .text = text,
	    .text_bytes = n,
	};

	return publish(h, &e);
}

/* --- what they get -------------------------------------------------------- */

void
hub_writable(struct hub *h, struct client *c)
{
	fanout_writable(&h->room.fanout, c);
}

bool
hub_is_dirty(const struct hub *h)
{
	return h->room.fanout.has_grown || h->room.fanout.queued_count > 0 ||
	    h->room.seq != h->room.committed_seq || h->acks_count > 0 ||
	    h->has_left;
}

static void
commit_turn(struct hub *h)
{
	tell_leaves(h);
	hub_commit(h);
}

void
hub_flush(struct hub *h)
{
	commit_turn(h);
	fanout_flush(
	    &h->room.fanout, slow_bytes(h), (uint64_t)h->room.shares.queues);
	hub_relieve(h);
}

enum hub_news
hub_news(const struct hub *h)
{
	if (!h->room.fanout.has_grown)
		return HUB_NEWS_NONE;
	return h->room.fanout.is_urgent ? HUB_NEWS_SAID : HUB_NEWS_PRESENCE;
}

void
hub_flush_queued(struct hub *h)
{
	commit_turn(h);
	fanout_flush_queued(&h->room.fanout, slow_bytes(h));
	hub_relieve(h);
}

void
hub_relieve(struct hub *h)
{
	fanout_relieve(&h->room.fanout, (uint64_t)h->room.shares.queues);
}

void
hub_close_all(struct hub *h, uint16_t code, const char *reason)
{
	struct fanout *f = &h->room.fanout;

	h->refuses_joins = true;
	hub_commit(h);
	fanout_write_out(f);
	for (size_t i = 0; i < f->count; i++)
		fanout_close(f, f->seats[i].client, code, reason);
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
	fanout_send(&h->room.fanout, c, FRAME_PING, "p", 1, false);
	wheel_add(&h->pings, n,
	    hub_mono_ms(h) / MS_PER_S + h->room.config->wsd.ping_s);
}

void
hub_tick(struct hub *h)
{
	struct fanout *f = &h->room.fanout;
	int64_t now_ms = hub_mono_ms(h);

	hub_commit(h);
	hub_renew_history(h);
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
	room_reload(&h->room);
	room_keep(&h->room);
	hub_relieve(h);
	fanout_tick(f, now_ms, h->room.config->wsd.slow_s * MS_PER_S);
}
