#include "fcgi-app/visitor.h"

#include "auth/token.h"
#include "fcgi-app/csrf.h"
#include "fcgi-app/set_cookie.h"

/* Of a session without an end: the most that browsers keep a cookie. */
#define MAX_AGE_S ((int64_t)400 * 24 * 3600)

static const char *
cookie_name(const struct call *c)
{
	return cookie_session_name(
	    c->req->is_https, c->app->config->login.plain_http);
}

enum visitor_state
visitor_find(const struct call *c, struct visitor *out)
{
	const struct request *req = c->req;
	const char *name = cookie_name(c);
	const char *value;
	size_t n;

	if (name == NULL ||
	    cookie_find(req->cookies, req->n_cookies, name, &value, &n) !=
		COOKIE_OK)
		return VISITOR_ANONYMOUS;
	struct sessions *sessions = stores_sessions(&c->app->stores);
	if (sessions == NULL)
		return VISITOR_UNKNOWN;
	switch (sessions_validate(
	    sessions, value, n, &out->session, out->key, out->id)) {
	case SESSIONS_VALID:
		return VISITOR_SIGNED_IN;
	case SESSIONS_UNAVAILABLE:
		stores_sessions_failed(
		    &c->app->stores, "read", sessions_failure(sessions));
		return VISITOR_UNKNOWN;
	case SESSIONS_BAD_TOKEN:
	case SESSIONS_UNKNOWN:
	case SESSIONS_EXPIRED:
		break;
	}
	return VISITOR_ANONYMOUS;
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

void
visitor_set_token(const struct call *c, const char *token)
{
	int64_t life_s = c->app->config->login.absolute_lifetime_s;

	set_cookie(c->resp, cookie_name(c), token,
	    life_s > 0 ? life_s : MAX_AGE_S, c->req->is_https);
}

void
visitor_take_back(const struct call *c)
{
	const struct request *req = c->req;
	const char *name = cookie_name(c);
	const char *value;
	size_t n;

	if (name != NULL &&
	    cookie_find(req->cookies, req->n_cookies, name, &value, &n) !=
		COOKIE_NONE)
		set_cookie(c->resp, name, "", SET_COOKIE_DELETE, req->is_https);
}

bool
visitor_bind(const struct call *c, const struct visitor *v,
    char out[static TOKEN_BOUND_SIZE])
{
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (sessions == NULL)
		return false;
	token_bind(sessions_keyring(sessions), CSRF_LABEL_SESSION, v->id, out);
	return true;
}

bool
visitor_is_own_form(const struct call *c, const struct visitor *v,
    const struct form_field *csrf)
{
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (sessions == NULL)
		return false;
	return token_is_bound(sessions_keyring(sessions), CSRF_LABEL_SESSION,
		   v->id, csrf->value, csrf->n) ||
	    (sessions_reload_keyring(sessions) &&
		token_is_bound(sessions_keyring(sessions), CSRF_LABEL_SESSION,
		    v->id, csrf->value, csrf->n));
}
