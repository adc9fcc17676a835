/*
 * A line of the control socket: one JSON object, a command of the
 * administrator's. Pure.
 *
 *   {"command":"publish","text":S}            a notice to all
 *   {"command":"publish","user":S,"text":S}   a message, said as that user
 *   {"command":"who"}
 *   {"command":"status"}
 *   {"command":"kick","who":S,"reason":S}     a user's name, or the first 8
 *       hex digits or more of a session's id; reason may be left out
 *   {"command":"drain"}
 * Other keys are ignored. Answers stand in control_reply.h.
 */
#ifndef WSD_CONTROL_REQUEST_H
#define WSD_CONTROL_REQUEST_H

#include "auth/name.h"

#include <stddef.h>

#define CONTROL_REQUEST_REASON_MAX 123 /* bytes in a close frame */

enum control_request_command {
	CONTROL_PUBLISH,
	CONTROL_WHO,
	CONTROL_STATUS,
	CONTROL_KICK,
	CONTROL_DRAIN,
};

enum control_request_err {
	CONTROL_REQUEST_OK = 0,
	CONTROL_REQUEST_JSON, /* not one JSON object */
	CONTROL_REQUEST_COMMAND, /* missing or unknown */
	CONTROL_REQUEST_FIELD, /* missing, or of another type */
	CONTROL_REQUEST_EMPTY, /* text of nothing, or of blanks */
	CONTROL_REQUEST_CONTROL, /* a control character in text or reason */
	CONTROL_REQUEST_NAME, /* not a user name */
	CONTROL_REQUEST_REASON, /* too long */
	CONTROL_REQUEST_NOMEM,
};

struct control_request {
	enum control_request_command command;
	char user[NAME_SIZE]; /* publish: canonical; "": none */
	const char *text; /* publish */
	size_t text_bytes;
	const char *who; /* kick */
	const char *reason; /* kick; "": none */
	void *json; /* what the strings point into */
};

/* Always ended by control_request_fini. */
enum control_request_err
control_request_parse(const char *bytes, size_t n, struct control_request *out);
void control_request_fini(struct control_request *r);

/* What is wrong, in words. */
const char *control_request_strerror(enum control_request_err err);

#endif
