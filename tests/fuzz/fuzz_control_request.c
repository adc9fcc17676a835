/*
 * A request to the control socket: what is taken must be what the rest of the
 * daemon counts on.
 */
#include "wsd/control_request.h"
#include "wsd/protocol.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request r;
	char again[NAME_SIZE];

	enum control_request_err err =
	    control_request_parse((const char *)data, size, &r);
	if (err == CONTROL_REQUEST_OK && r.command == CONTROL_PUBLISH) {
		if (strlen(r.text) != r.text_bytes ||
		    protocol_is_blank(r.text, r.text_bytes) ||
		    protocol_has_control(r.text, r.text_bytes))
			abort();
		if (r.user[0] != '\0' &&
		    (name_canonical(r.user, strlen(r.user), again) != NAME_OK ||
			strcmp(again, r.user) != 0))
			abort();
	}
	if (err == CONTROL_REQUEST_OK && r.command == CONTROL_KICK &&
	    (r.who[0] == '\0' || strlen(r.reason) > CONTROL_REQUEST_REASON_MAX))
		abort();
	control_request_fini(&r);
	return 0;
}
