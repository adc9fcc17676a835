#include "fcgi-app/page_password.h"

#include "auth/crypto.h"
#include "auth/password.h"
#include "base/log.h"
#include "fcgi-app/device.h"
#include "fcgi-app/new_password.h"
#include "fcgi-app/page_account.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/post.h"
#include "fcgi-app/signin.h"
#include "fcgi-app/verify.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	CSRF,
	CURRENT,
	NEW,
	AGAIN,
	FIELDS
};

/* ended NULL: it was not changed. */
static void
audit(const struct call *c, const struct visitor *v, const char *result,
    const char *reason, const char *ended)
{
	const struct log_field fields[] = {
	    {"result", result, SIZE_MAX},
	    {"reason", reason, SIZE_MAX},
	    {"user", v->session.user, SIZE_MAX},
	    {"address", c->req->address, SIZE_MAX},
	    {"session", v->key + 2, POST_SESSION_CHARS},
	    {"ended", ended, SIZE_MAX},
	};

	log_audit("password", fields, sizeof(fields) / sizeof(fields[0]));
}

/* Before anything is spent or counted. false: answered. */
static bool
is_good(struct call *c, const struct visitor *v, const struct form_field *new,
    const struct form_field *again)
{
	enum view_value reason;

	switch (password_check_new(new->value, new->n, v->session.user,
	    c->app->config->login.password_min)) {
	case PASSWORD_OK:
		if (new->n == again->n &&
		    memcmp(new->value, again->value, new->n) == 0)
			return true;
		reason = VIEW_IS_DIFFERENT;
		break;
	case PASSWORD_SHORT:
		reason = VIEW_IS_SHORT;
		break;
	case PASSWORD_LONG:
		reason = VIEW_IS_LONG;
		break;
	default:
		reason = VIEW_IS_COMMON;
		break;
	}
	page_account_again(c, v, 422, reason, "1");
	return false;
}

static void
busy(struct call *c, const struct visitor *v)
{
	response_header(c->resp, "Retry-After", VERIFY_RETRY_S);
	page_account_again(c, v, 503, VIEW_IS_BUSY, "1");
}

/*
 * The session at hand goes on under a new id, so that an old one that was
 * copied is worth nothing. Without a new one the old one ends all the same.
 */
static void
renew(struct call *c, const struct visitor *v, const struct record_user *user)
{
	struct app *a = c->app;
	char token[TOKEN_SIZE];
	bool has_new = signin_session(a, user, c->req->address,
			   c->req->user_agent, token) == SIGNIN_OK;
	struct sessions *sessions = stores_sessions(&a->stores);
	enum store_err err =
	    sessions != NULL ? sessions_end(sessions, v->key) : STORE_MISSING;

	if (sessions != NULL && err != STORE_OK && err != STORE_NOTFOUND)
		stores_sessions_failed(&a->stores, "end", err);
	page_account_done(c, "password");
	if (has_new)
		visitor_set_token(c, token);
	else
		visitor_take_back(c);
	crypto_wipe(token, sizeof(token));
}

/* In a hash slot. */
static void
change(struct call *c, const struct visitor *v, struct record_user *user,
    const struct form_field *new)
{
	const struct password_cost cost = verify_cost(c->app);
	char hash[PASSWORD_HASH_SIZE], number[24];
	size_t ended;

	if (password_hash(new->value, new->n, &cost, hash) != PASSWORD_OK) {
		log_err("no memory for a password hash");
		busy(c, v);
		return;
	}
	enum new_password_result result =
	    new_password_set(c->app, v, user, hash, &ended);
	crypto_wipe(hash, sizeof(hash));
	snprintf(number, sizeof(number), "%zu", ended);
	switch (result) {
	case NEW_PASSWORD_OK:
		audit(c, v, "ok", NULL, number);
		renew(c, v, user);
		break;
	case NEW_PASSWORD_CHANGED:
		audit(c, v, "failed", "changed", NULL);
		page_account_again(c, v, 403, VIEW_IS_WRONG, "1");
		break;
	case NEW_PASSWORD_STORE:
		audit(c, v, "failed", "store", number);
		page_error_store(c);
		break;
	}
}

/* The password that is there now, throttled as a sign-in is. */
static void
try_change(
    struct call *c, const struct visitor *v, const struct form_field *fields)
{
	struct app *a = c->app;
	struct sessions *sessions = stores_sessions(&a->stores);
	uint8_t device[TOKEN_ID_BYTES];
	char wait_text[24];
	size_t name_len = strlen(v->session.user);
	struct verify check = {
	    .name = v->session.user,
	    .name_len = name_len,
	    .password = fields[CURRENT].value,
	    .password_len = fields[CURRENT].n,
	    .address = c->req->address,
	};

	if (sessions != NULL &&
	    device_knows(sessions_keyring(sessions), c->req, v->session.user,
		name_len, device))
		check.device = device;
	switch (verify_begin(a, &check)) {
	case VERIFY_OK:
		change(c, v, &check.user, &fields[NEW]);
		break;
	case VERIFY_UNKNOWN:
	case VERIFY_WRONG:
	case VERIFY_LOCKED:
		audit(c, v, "failed", "wrong", NULL);
		page_account_again(c, v, 403, VIEW_IS_WRONG, "1");
		break;
	case VERIFY_THROTTLED:
		audit(c, v, "throttled", NULL, NULL);
		snprintf(
		    wait_text, sizeof(wait_text), "%" PRId64, check.wait_s);
		response_header(c->resp, "Retry-After", wait_text);
		page_account_again(c, v, 429, VIEW_WAIT_S, wait_text);
		break;
	case VERIFY_BUSY:
		busy(c, v);
		break;
	case VERIFY_STORE:
		page_error_store(c);
		break;
	}
	verify_end(a, &check);
}

void
page_password(struct call *c)
{
	struct form_field fields[FIELDS] = {
	    [CSRF] = {.name = "csrf"},
	    [CURRENT] = {.name = "current"},
	    [NEW] = {.name = "new"},
	    [AGAIN] = {.name = "again"},
	};
	char body[FORM_BODY_MAX];
	struct visitor visitor;

	if (!page_account_visitor(c, &visitor))
		return;
	/* More than three passwords that may be: one of them may not. */
	if (post_is_over(c, FORM_BODY_MAX))
		page_account_again(c, &visitor, 413, VIEW_IS_LONG, "1");
	else if (page_account_form(
		     c, &visitor, FORM_BODY_MAX, body, fields, FIELDS) &&
	    is_good(c, &visitor, &fields[NEW], &fields[AGAIN]))
		try_change(c, &visitor, fields);
	crypto_wipe(body, sizeof(body));
}
