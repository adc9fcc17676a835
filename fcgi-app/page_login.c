#include "fcgi-app/page_login.h"

#include "auth/crypto.h"
#include "auth/token.h"
#include "fcgi-app/choice.h"
#include "fcgi-app/csrf.h"
#include "fcgi-app/device.h"
#include "fcgi-app/form.h"
#include "fcgi-app/next_url.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/post.h"
#include "fcgi-app/signin.h"
#include "fcgi-app/verify.h"
#include "fcgi-app/visitor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the form shows again, and why. */
struct retry {
	const char *name; /* as typed */
	const char *next;
	enum view_value reason; /* VIEW_VALUES: none */
	const char *wait_s; /* of VIEW_WAIT_S */
};

/* The form; asks for the keyring itself, since each call may change it. */
static void
put_form(struct call *c, const struct retry *retry)
{
	const char *values[VIEW_VALUES] = {NULL};
	uint8_t id[TOKEN_ID_BYTES];
	char csrf[TOKEN_BOUND_SIZE];
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (sessions == NULL) {
		page_error_store(c);
		return;
	}
	/* A cookie of a key not seen yet is no reason to replace it. */
	if (!csrf_find(sessions_keyring(sessions), c->req, id))
		sessions_reload_keyring(sessions);
	const struct keyring *keys = sessions_keyring(sessions);
	csrf_begin(keys, c->req, c->resp, id);
	token_bind(keys, CSRF_LABEL_LOGIN, id, csrf);
	values[VIEW_CSRF] = csrf;
	values[VIEW_NEXT] = retry->next;
	values[VIEW_NAME] = retry->name;
	if (retry->reason != VIEW_VALUES)
		values[retry->reason] =
		    retry->wait_s != NULL ? retry->wait_s : "1";
	views_render(c->app->views, VIEW_LOGIN, c->lang, c->theme, values,
	    &c->resp->body);
}

static void
get_login(struct call *c)
{
	char query[REQUEST_QUERY_MAX];
	char next[NEXT_URL_MAX + 1];
	struct form_field field = {.name = "next"};
	struct visitor visitor;

	form_query(c->req->query, query, &field, 1);
	next_url_choose(
	    c->app->config->site.prefix, field.value, field.n, next);
	if (choice_switch(c, "/login", next))
		return;

	switch (visitor_find(c, &visitor)) {
	case VISITOR_SIGNED_IN:
		visitor_touch(c, &visitor);
		response_redirect(c->resp, next);
		break;
	case VISITOR_ANONYMOUS:
		put_form(c, &(struct retry){NULL, next, VIEW_VALUES, NULL});
		break;
	case VISITOR_UNKNOWN:
		page_error_store(c);
		break;
	}
}

/*
 * The session that came along, if any, is another one's or an older one of
 * the same person: it ends with this login.
 */
static void
end_old(struct call *c)
{
	struct visitor old;

	if (visitor_find(c, &old) != VISITOR_SIGNED_IN)
		return;
	struct sessions *sessions = stores_sessions(&c->app->stores);
	if (sessions == NULL)
		return;
	enum store_err err = sessions_end(sessions, old.key);
	if (err != STORE_OK && err != STORE_NOTFOUND)
		stores_sessions_failed(&c->app->stores, "end", err);
}

/* So that others' failures do not keep this browser out later. */
static void
remember_device(struct call *c, const struct form_field *name)
{
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (c->app->config->login.throttle && sessions != NULL)
		device_remember(sessions_keyring(sessions), c->req, c->resp,
		    name->value, name->n);
}

static void
welcome(struct call *c, const char *token, const struct form_field *name,
    const char *next)
{
	end_old(c);
	response_redirect(c->resp, next);
	visitor_set_token(c, token);
	remember_device(c, name);
}

/* A copy of the name for the form; bytes of a stranger, so it may be cut. */
static void
copy_name(const struct form_field *field, char out[static NAME_SIZE])
{
	size_t n = field->n < NAME_SIZE ? field->n : NAME_SIZE - 1;

	memcpy(out, field->value, n);
	out[n] = '\0';
}

enum {
	NAME,
	PASSWORD,
	NEXT,
	CSRF,
	FIELDS
};

static bool
is_bound(
    struct call *c, const struct keyring *keys, const struct form_field *csrf)
{
	uint8_t id[TOKEN_ID_BYTES];

	return csrf_find(keys, c->req, id) &&
	    token_is_bound(keys, CSRF_LABEL_LOGIN, id, csrf->value, csrf->n);
}

/* Whether the form is one that we handed to this browser. */
static bool
is_own_form(
    struct call *c, struct sessions *sessions, const struct form_field *csrf)
{
	return is_bound(c, sessions_keyring(sessions), csrf) ||
	    (sessions_reload_keyring(sessions) &&
		is_bound(c, sessions_keyring(sessions), csrf));
}

static void
try_signin(struct call *c, const struct form_field *fields)
{
	char name[NAME_SIZE];
	char next[NEXT_URL_MAX + 1];
	char token[TOKEN_SIZE];
	struct sessions *sessions = stores_sessions(&c->app->stores);

	if (sessions == NULL) {
		page_error_store(c);
		return;
	}
	copy_name(&fields[NAME], name);
	next_url_choose(c->app->config->site.prefix, fields[NEXT].value,
	    fields[NEXT].n, next);
	struct retry retry = {name, next, VIEW_VALUES, NULL};

	if (!is_own_form(c, sessions, &fields[CSRF])) {
		post_audit_refuse(c, "csrf");
		c->resp->status = 403;
		retry.reason = VIEW_IS_EXPIRED;
		put_form(c, &retry);
		return;
	}
	uint8_t device[TOKEN_ID_BYTES];
	bool is_known_device = device_knows(sessions_keyring(sessions), c->req,
	    fields[NAME].value, fields[NAME].n, device);
	char wait_text[24];
	int64_t wait_s;
	const struct signin_attempt attempt = {
	    .name = fields[NAME].value,
	    .name_len = fields[NAME].n,
	    .password = fields[PASSWORD].value,
	    .password_len = fields[PASSWORD].n,
	    .address = c->req->address,
	    .agent = c->req->user_agent,
	    .device = is_known_device ? device : NULL,
	};
	switch (signin_try(c->app, &attempt, token, &wait_s)) {
	case SIGNIN_OK:
		welcome(c, token, &fields[NAME], next);
		crypto_wipe(token, sizeof(token));
		break;
	case SIGNIN_REFUSED:
		c->resp->status = 401;
		retry.reason = VIEW_IS_WRONG;
		put_form(c, &retry);
		break;
	case SIGNIN_THROTTLED:
		snprintf(wait_text, sizeof(wait_text), "%" PRId64, wait_s);
		c->resp->status = 429;
		response_header(c->resp, "Retry-After", wait_text);
		retry.reason = VIEW_WAIT_S;
		retry.wait_s = wait_text;
		put_form(c, &retry);
		break;
	case SIGNIN_BUSY:
		c->resp->status = 503;
		response_header(c->resp, "Retry-After", VERIFY_RETRY_S);
		retry.reason = VIEW_IS_BUSY;
		put_form(c, &retry);
		break;
	case SIGNIN_STORE:
		page_error_store(c);
		break;
	}
}

static void
post_login(struct call *c)
{
	struct form_field fields[FIELDS] = {
	    [NAME] = {.name = "name"},
	    [PASSWORD] = {.name = "password"},
	    [NEXT] = {.name = "next"},
	    [CSRF] = {.name = "csrf"},
	};
	char body[FORM_BODY_MAX];

	if (!post_is_own(c) || !post_is_form(c, FORM_USUAL_MAX))
		return;
	if (post_form(c, body, fields, FIELDS))
		try_signin(c, fields);
	crypto_wipe(body, sizeof(body));
}

void
page_login(struct call *c)
{
	if (!app_is_safe(c))
		page_error(c, 403, "https");
	else if (c->req->method == REQUEST_POST)
		post_login(c);
	else
		get_login(c);
}
