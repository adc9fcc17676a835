/*
 * The chat page asks here now and then, which also keeps the session alive:
 * wsd cannot write. The only file that knows jansson in this program.
 */
#include "fcgi-app/page_session.h"

#include "base/clock.h"
#include "fcgi-app/next_url.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/visitor.h"

#include <jansson.h>
#include <stdlib.h>

static void
put_json(struct call *c, int status, json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

	response_json(c->resp, status, text != NULL ? text : "");
	if (text == NULL || buf_putc(&c->resp->body, '\n') == -1)
		c->resp->is_spoiled = true;
	free(text);
	json_decref(object);
}

static void
put_time(json_t *object, const char *key, int64_t s)
{
	char text[CLOCK_RFC3339_SIZE];

	/* Without an end, there is nothing to say. */
	if (s == 0 || s == INT64_MAX)
		return;
	clock_format_rfc3339(s * 1000, text);
	json_object_set_new(object, key, json_string(text));
}

void
page_session(struct call *c)
{
	struct visitor visitor;
	json_t *object;
	const char *prefix = c->app->config->site.prefix;
	char next[NEXT_URL_MAX + 1];

	next_url_choose(prefix, NULL, 0, next);
	switch (visitor_find(c, &visitor)) {
	case VISITOR_SIGNED_IN:
		break;
	case VISITOR_ANONYMOUS:
		put_json(c, 401,
		    json_pack("{s:s, s:s++}", "error", "no session", "login",
			prefix, "/login?next=", next));
		return;
	case VISITOR_UNKNOWN:
		page_error_store_json(c);
		return;
	}
	visitor_touch(c, &visitor);
	object = json_pack("{s:s}", "user", visitor.session.user);
	if (object != NULL) {
		put_time(
		    object, "expires", record_session_end_s(&visitor.session));
		put_time(object, "ends", visitor.session.expires_s);
		put_time(object, "since", visitor.session.created_s);
	}
	put_json(c, 200, object);
}
