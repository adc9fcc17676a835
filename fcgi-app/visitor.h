/*
 * Who is asking: the session a request carries.
 */
#ifndef FCGI_APP_VISITOR_H
#define FCGI_APP_VISITOR_H

#include "fcgi-app/app.h"

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

#endif
