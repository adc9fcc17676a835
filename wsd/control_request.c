/*
 * By jansson: whoever may connect is trusted with all of it, but a mistake in
 * a script of theirs must not be more than an answer.
 */
#include "wsd/control_request.h"

#include "wsd/json_object.h"
#include "wsd/protocol.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char *const commands[] = {
    [CONTROL_PUBLISH] = "publish",
    [CONTROL_WHO] = "who",
    [CONTROL_STATUS] = "status",
    [CONTROL_KICK] = "kick",
    [CONTROL_DRAIN] = "drain",
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* *out "" where the key is not there. Whether it is a string or missing. */
static bool
take_string(const json_t *root, const char *key, const char **out, size_t *n)
{
	const json_t *v = json_object_get(root, key);

	*out = "";
	*n = 0;
	if (v == NULL)
		return true;
	if (!json_is_string(v))
		return false;
	*out = json_string_value(v);
	*n = json_string_length(v);
	return true;
}

static enum control_request_err
take_publish(const json_t *root, struct control_request *out)
{
	const char *user;
	size_t n;

	if (!take_string(root, "text", &out->text, &out->text_bytes) ||
	    json_object_get(root, "text") == NULL ||
	    !take_string(root, "user", &user, &n))
		return CONTROL_REQUEST_FIELD;
	if (json_object_get(root, "user") != NULL &&
	    name_canonical(user, n, out->user) != NAME_OK) {
		out->user[0] = '\0';
		return CONTROL_REQUEST_NAME;
	}
	if (protocol_is_blank(out->text, out->text_bytes))
		return CONTROL_REQUEST_EMPTY;
	return protocol_has_control(out->text, out->text_bytes)
	    ? CONTROL_REQUEST_CONTROL
	    : CONTROL_REQUEST_OK;
}

static enum control_request_err
take_kick(const json_t *root, struct control_request *out)
{
	size_t n;

	if (!take_string(root, "who", &out->who, &n) || n == 0 ||
	    !take_string(root, "reason", &out->reason, &n))
		return CONTROL_REQUEST_FIELD;
	if (n > CONTROL_REQUEST_REASON_MAX)
		return CONTROL_REQUEST_REASON;
	return protocol_has_control(out->reason, n) ? CONTROL_REQUEST_CONTROL
						    : CONTROL_REQUEST_OK;
}

enum control_request_err
control_request_parse(const char *bytes, size_t n, struct control_request *out)
{
	size_t i = 0;

	memset(out, 0, sizeof(*out));
	json_t *root = json_object_decode(bytes, n);
	out->json = root;
	if (root == NULL)
		return errno == ENOMEM ? CONTROL_REQUEST_NOMEM
				       : CONTROL_REQUEST_JSON;
	const char *command =
	    json_string_value(json_object_get(root, "command"));
	if (command == NULL)
		return CONTROL_REQUEST_COMMAND;
	while (i < N_COMMANDS && strcmp(command, commands[i]) != 0)
		i++;
	if (i == N_COMMANDS)
		return CONTROL_REQUEST_COMMAND;
	out->command = (enum control_request_command)i;
	switch (out->command) {
	case CONTROL_PUBLISH:
		return take_publish(root, out);
	case CONTROL_KICK:
		return take_kick(root, out);
	case CONTROL_WHO:
	case CONTROL_STATUS:
	case CONTROL_DRAIN:
		break;
	}
	return CONTROL_REQUEST_OK;
}

void
control_request_fini(struct control_request *r)
{
	json_decref(r->json);
	r->json = NULL;
}

const char *
control_request_strerror(enum control_request_err err)
{
	switch (err) {
	case CONTROL_REQUEST_OK:
		return "ok";
	case CONTROL_REQUEST_JSON:
		return "not a JSON object";
	case CONTROL_REQUEST_COMMAND:
		return "command must be publish, who, status, kick or drain";
	case CONTROL_REQUEST_FIELD:
		return "a field is missing or not a string";
	case CONTROL_REQUEST_EMPTY:
		return "there is nothing in the text";
	case CONTROL_REQUEST_CONTROL:
		return "a control character other than line feed and tab";
	case CONTROL_REQUEST_NAME:
		return "user is not a user name";
	case CONTROL_REQUEST_REASON:
		return "the reason is longer than 123 bytes";
	case CONTROL_REQUEST_NOMEM:
		return "no memory";
	}
	return "?";
}
