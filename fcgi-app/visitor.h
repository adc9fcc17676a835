/*
 * Who is asking: the session a request carries.
 */
#ifndef FCGI_APP_VISITOR_H
#define FCGI_APP_VISITOR_H

#include "fcgi-app/app.h"

#include "fcgi-app/form.h"

#include <stdbool.h>
#include <stdint.h>

enum visitor_state {
	VISITOR_SIGNED_IN,
	VISITOR_ANONYMOUS,
	VISITOR_UNKNOWN, /* the store cannot be read; logged */
};

struct visitor {
	struct record_session session;
	char key[SESSIONS_KEY_SIZE];
	uint8_t id[TOKEN_ID_BYTES]; /* of the session's token */
};

/* *out is set for VISITOR_SIGNED_IN alone. */
enum visitor_state visitor_find(const struct call *c, struct visitor *out);

/* Notes that the visitor is active. Failure is logged, and no more. */
void visitor_touch(const struct call *c, const struct visitor *v);

/* Hands out a session's token as the cookie; it lives as long as it can. */
void visitor_set_token(const struct call *c, const char *token);

/*
 * Takes back a cookie that came along, and no other: a form on a foreign page
 * comes without it (SameSite), asks for nothing that a token is needed for,
 * and would have the browser forget a session that is not over.
 */
void visitor_take_back(const struct call *c);

/* A form's token for this session. false: the keys are not to be had. */
bool visitor_bind(const struct call *c, const struct visitor *v,
    char out[static TOKEN_BOUND_SIZE]);

/* Whether the form is one that we handed out in this session. */
bool visitor_is_own_form(const struct call *c, const struct visitor *v,
    const struct form_field *csrf);

#endif
