/*
 * Sessions that end: told by the store's feed, or found out when they would
 * expire. Whatever is still queued for such a connection is dropped.
 */
#include "wsd/hub_impl.h"

size_t
hub_close_session(struct hub *h, struct held_session *e, const char *reason)
{
	size_t closed = 0;

	for (struct client *c = e->clients; c != NULL; c = c->session_next) {
		if (fanout_is_closing(&h->room.fanout, c))
			continue;
		fanout_close(
		    &h->room.fanout, c, HUB_CLOSE_SESSION_OVER, reason);
		closed++;
	}
	return closed;
}

static size_t
end_session(struct hub *h, struct held_session *e)
{
	return hub_close_session(h, e, "session over");
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
	size_t closed = 0;

	/* verify may end sessions, which frees none. */
	for (struct held_session *e = h->held.sessions; e != NULL;
	     e = e->hh.next) {
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
