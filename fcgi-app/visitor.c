#include "fcgi-app/visitor.h"

enum visitor_state
visitor_find(const struct call *c, struct visitor *out)
{
	const struct request *req = c->req;
	const char *name = cookie_session_name(
	    req->is_https, c->app->config->login.plain_http);
	const char *value;
	size_t n;

	if (name == NULL ||
	    cookie_find(req->cookies, req->n_cookies, name, &value, &n) !=
		COOKIE_OK)
		return VISITOR_ANONYMOUS;
	struct sessions *sessions = stores_sessions(&c->app->stores);
	if (sessions == NULL)
		return VISITOR_UNKNOWN;
	switch (
	    sessions_validate(sessions, value, n, &out->session, out->key)) {
	case SESSIONS_VALID:
		break;
	case SESSIONS_UNAVAILABLE:
		stores_sessions_failed(
		    &c->app->stores, "read", sessions_failure(sessions));
		return VISITOR_UNKNOWN;
	case SESSIONS_BAD_TOKEN:
	case SESSIONS_UNKNOWN:
	case SESSIONS_EXPIRED:
		return VISITOR_ANONYMOUS;
	}
	/* For what is bound to the token; it has just been verified. */
	if (token_verify(sessions_keyring(sessions), TOKEN_SESSION, value, n,
		out->id) != TOKEN_OK)
		return VISITOR_ANONYMOUS;
	return VISITOR_SIGNED_IN;
}

void
visitor_touch(const struct call *c, const struct visitor *v)
{
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (sessions == NULL || !sessions_is_writer(sessions))
		return;
	enum store_err err = sessions_touch(sessions, v->key);
	/* Somebody writes: the next request notes it. */
	if (err != STORE_OK && err != STORE_NOTFOUND && err != STORE_BUSY)
		stores_sessions_failed(&c->app->stores, "touch", err);
}
