#include "fcgi-app/page_logout.h"

#include "base/log.h"
#include "fcgi-app/form.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/post.h"
#include "fcgi-app/visitor.h"

#include <stdint.h>

static void
leave(struct call *c)
{
	app_redirect(c, "/login", NULL);
	visitor_take_back(c);
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

void
page_logout(struct call *c)
{
	struct form_field csrf = {.name = "csrf"};
	struct visitor visitor;
	char body[FORM_BODY_MAX];

	if (!post_is_own(c) || !post_is_form(c, FORM_USUAL_MAX))
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
	if (!visitor_is_own_form(c, &visitor, &csrf)) {
		post_audit_refuse(c, "csrf");
		page_error(c, 403, "403");
		return;
	}
	end(c, &visitor);
}
