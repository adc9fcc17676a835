#include "fcgi-app/page_logout.h"

#include "auth/token.h"
#include "base/log.h"
#include "fcgi-app/csrf.h"
#include "fcgi-app/form.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/post.h"
#include "fcgi-app/set_cookie.h"
#include "fcgi-app/visitor.h"

#include <stdint.h>

/*
 * Takes back a cookie that came along, and no other: a form on a foreign page
 * comes without it (SameSite), asks for nothing that a token is needed for,
 * and would have the browser forget a session that is not over.
 */
static void
leave(struct call *c)
{
	const struct request *req = c->req;
	const char *name = cookie_session_name(
	    req->is_https, c->app->config->login.plain_http);
	const char *value;
	size_t n;

	response_redirect(c->resp, "/login");
	if (name != NULL &&
	    cookie_find(req->cookies, req->n_cookies, name, &value, &n) !=
		COOKIE_NONE)
		set_cookie(
		    c->resp, name, "", SET_COOKIE_DELETE, c->req->is_https);
}

/* The session is over, durably, before anything is answered. */
static void
end(struct call *c, const struct visitor *visitor)
{
	struct sessions *sessions = stores_sessions(&c->app->stores);
	enum store_err err = sessions != NULL
	    ? sessions_end(sessions, visitor->key)
	    : STORE_MISSING;

	if (err != STORE_OK && err != STORE_NOTFOUND) {
		stores_sessions_failed(&c->app->stores, "logout", err);
		page_error_store(c);
		return;
	}
	const struct log_field fields[] = {
	    {"user", visitor->session.user, SIZE_MAX},
	    {"address", c->req->address, SIZE_MAX},
	    {"session", visitor->key + 2, POST_SESSION_CHARS},
	};
	log_audit("logout", fields, sizeof(fields) / sizeof(fields[0]));
	leave(c);
}

/* Whether the form is one that we handed out in this session. */
static bool
is_own_form(
    struct call *c, const struct visitor *v, const struct form_field *csrf)
{
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (sessions == NULL)
		return false;
	const struct keyring *keys = sessions_keyring(sessions);
	return token_is_bound(
		   keys, CSRF_LABEL_LOGOUT, v->id, csrf->value, csrf->n) ||
	    (sessions_reload_keyring(sessions) &&
		token_is_bound(
		    keys, CSRF_LABEL_LOGOUT, v->id, csrf->value, csrf->n));
}

void
page_logout(struct call *c)
{
	struct form_field csrf = {.name = "csrf"};
	struct visitor visitor;
	char body[FORM_BODY_MAX];

	if (!post_check(c))
		return;
	switch (visitor_find(c, &visitor)) {
	case VISITOR_SIGNED_IN:
		break;
	case VISITOR_ANONYMOUS:
		/* Nothing to end; a cookie of a dead session goes too. */
		leave(c);
		return;
	case VISITOR_UNKNOWN:
		page_error_store(c);
		return;
	}
	if (!post_form(c, body, &csrf, 1))
		return;
	if (!is_own_form(c, &visitor, &csrf)) {
		post_audit_refuse(c, "csrf");
		page_error(c, 403, "403");
		return;
	}
	end(c, &visitor);
}
