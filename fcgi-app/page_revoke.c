#include "fcgi-app/page_revoke.h"

#include "base/log.h"
#include "fcgi-app/page_account.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/post.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define OTHERS "others"

/* target: the key of one session; NULL: all but this one. */
static void
audit(const struct call *c, const struct visitor *v, const char *target,
    size_t ended)
{
	char number[24];
	const struct log_field fields[] = {
	    {"user", v->session.user, SIZE_MAX},
	    {"address", c->req->address, SIZE_MAX},
	    {"session", v->key + 2, POST_SESSION_CHARS},
	    {"target", target != NULL ? target + 2 : OTHERS,
		target != NULL ? POST_SESSION_CHARS : SIZE_MAX},
	    {"ended", number, SIZE_MAX},
	};

	snprintf(number, sizeof(number), "%zu", ended);
	log_audit("revoke", fields, sizeof(fields) / sizeof(fields[0]));
}

/* Of nobody else: what is not the visitor's is as if it were not there. */
static enum store_err
end_one(
    struct sessions *s, const struct visitor *v, const char *key, size_t *ended)
{
	struct record_session r;

	*ended = 0;
	switch (sessions_recheck(s, key, &r)) {
	case SESSIONS_VALID:
		break;
	case SESSIONS_UNAVAILABLE:
		return sessions_failure(s);
	default:
		return STORE_OK;
	}
	if (strcmp(r.user, v->session.user) != 0)
		return STORE_OK;
	enum store_err err = sessions_end(s, key);
	if (err == STORE_NOTFOUND)
		return STORE_OK;
	*ended = err == STORE_OK;
	return err;
}

static void
revoke(struct call *c, const struct visitor *v, const char *target)
{
	struct sessions *s = stores_sessions(&c->app->stores);
	enum store_err err = STORE_MISSING;
	size_t ended = 0;

	if (s != NULL && target != NULL)
		err = end_one(s, v, target, &ended);
	else if (s != NULL)
		err = sessions_end_user(s, v->session.user, v->key, &ended);
	if (err != STORE_OK) {
		if (s != NULL)
			stores_sessions_failed(&c->app->stores, "revoke", err);
		page_error_store(c);
		return;
	}
	audit(c, v, target, ended);
	page_account_done(c, "ended");
}

enum {
	CSRF,
	SESSION,
	FIELDS
};

void
page_revoke(struct call *c)
{
	struct form_field fields[FIELDS] = {
	    [CSRF] = {.name = "csrf"},
	    [SESSION] = {.name = "session"},
	};
	const struct form_field *which = &fields[SESSION];
	char body[FORM_BODY_MAX];
	char key[SESSIONS_KEY_SIZE] = "s:";
	struct visitor visitor;

	if (!page_account_visitor(c, &visitor) ||
	    !page_account_form(
		c, &visitor, FORM_USUAL_MAX, body, fields, FIELDS))
		return;
	if (which->n == strlen(OTHERS) &&
	    memcmp(which->value, OTHERS, which->n) == 0) {
		revoke(c, &visitor, NULL);
		return;
	}
	if (which->n == SESSIONS_KEY_LEN - 2) {
		memcpy(key + 2, which->value, which->n);
		key[SESSIONS_KEY_LEN] = '\0';
	}
	if (sessions_is_key(key, strlen(key)))
		revoke(c, &visitor, key);
	else
		page_error(c, 400, "400");
}
