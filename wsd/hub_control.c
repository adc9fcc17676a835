/*
 * What an administrator sees of those who are here and does to them. Seldom,
 * so it walks over all rather than keep an index for it.
 */
#include "wsd/hub_impl.h"

#include <string.h>

#define SESSION_DIGITS_MIN 8 /* as `gatecast session revoke` takes */
#define SESSION_PREFIX 2 /* "s:" in front of a key's digits */

const char *
hub_find_user(const struct hub *h, const char *name)
{
	char wanted[NAME_FOLD_SIZE], folded[NAME_FOLD_SIZE];

	const struct presence_user *u =
	    presence_find(&h->room.presence, name, strlen(name));
	if (u != NULL && u->is_online)
		return u->name;
	if (name_fold(name, wanted) != NAME_OK)
		return NULL;
	for (u = h->room.presence.users; u != NULL; u = u->hh.next)
		if (u->is_online && name_fold(u->name, folded) == NAME_OK &&
		    strcmp(folded, wanted) == 0)
			return u->name;
	return NULL;
}

void
hub_each_user(const struct hub *h, hub_visit_user *visit, void *arg)
{
	const struct presence_user *u;

	for (u = h->room.presence.users; u != NULL; u = u->hh.next)
		if (u->is_online)
			visit(arg, u->name, u->since_ms, u->connections);
}

static size_t
close_user(struct hub *h, const char *name, const char *reason)
{
	struct fanout *f = &h->room.fanout;
	size_t closed = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct client *c = f->seats[i].client;
		if (fanout_is_closing(f, c) || strcmp(c->user->name, name) != 0)
			continue;
		fanout_close(f, c, HUB_CLOSE_SESSION_OVER, reason);
		closed++;
	}
	return closed;
}

static bool
is_session_id(const char *who)
{
	size_t n = strlen(who);

	return n >= SESSION_DIGITS_MIN &&
	    n <= SESSIONS_KEY_LEN - SESSION_PREFIX &&
	    strspn(who, "0123456789abcdef") == n;
}

static enum hub_kick
kick_session(struct hub *h, const char *id, const char *reason, size_t *closed)
{
	struct held_session *found = NULL;
	char key[SESSIONS_KEY_SIZE];

	for (struct held_session *e = h->held.sessions; e != NULL;
	     e = e->hh.next) {
		held_key(e, key);
		if (strncmp(key + SESSION_PREFIX, id, strlen(id)) != 0)
			continue;
		if (found != NULL)
			return HUB_KICK_AMBIGUOUS;
		found = e;
	}
	if (found != NULL)
		*closed = hub_close_session(h, found, reason);
	return *closed > 0 ? HUB_KICK_OK : HUB_KICK_NOBODY;
}

enum hub_kick
hub_kick(struct hub *h, const char *who, const char *reason, size_t *closed)
{
	char name[NAME_SIZE];

	*closed = 0;
	if (name_canonical(who, strlen(who), name) == NAME_OK) {
		const char *online = hub_find_user(h, name);
		if (online != NULL)
			*closed = close_user(h, online, reason);
	}
	if (*closed > 0)
		return HUB_KICK_OK;
	return is_session_id(who) ? kick_session(h, who, reason, closed)
				  : HUB_KICK_NOBODY;
}

void
hub_refuse_joins(struct hub *h)
{
	h->refuses_joins = true;
}

void
hub_deliver(struct hub *h)
{
	hub_flush(h);
	fanout_write_out(&h->room.fanout);
}

void
hub_close_some(struct hub *h, size_t max, uint16_t code, const char *reason)
{
	struct fanout *f = &h->room.fanout;

	for (size_t i = 0; i < f->count && max > 0; i++) {
		if (f->seats[i].flags & FANOUT_CLOSING)
			continue;
		fanout_close(f, f->seats[i].client, code, reason);
		max--;
	}
}
