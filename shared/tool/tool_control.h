/*
 * A question to wsd over its control socket, wsd.control, and the answer: a
 * JSON object a line each way (wsd/control_request.h, control_reply.h).
 */
#ifndef TOOL_TOOL_CONTROL_H
#define TOOL_TOOL_CONTROL_H

#include "tool/tool.h"

#include <stddef.h>
#include <stdint.h>

#define TOOL_CONTROL_ANSWER_MAX (64 * 1024 * 1024) /* bytes */

struct tool_control_field {
	const char *key;
	const char *value; /* UTF-8; NULL: left out */
	size_t n;
};

/*
 * Sends the command with those fields (ended by a NULL key; NULL: none) and
 * waits for the answer. TOOL_OK with *answer to be freed by
 * tool_control_free, or the exit code and why: what wsd refuses too.
 */
struct tool_control_answer;
int tool_control_ask(const struct tool *t, const char *command,
    const struct tool_control_field *fields,
    struct tool_control_answer **answer);
void tool_control_free(struct tool_control_answer *a); /* NULL is legal */

/*
 * Of the answer, or of the i-th object in its array "users" (list true). A
 * number or text that is not there is 0 or "". Valid until it is freed.
 */
int64_t tool_control_number(const struct tool_control_answer *a,
    const char *list, size_t i, const char *key);
const char *tool_control_text(const struct tool_control_answer *a,
    const char *list, size_t i, const char *key);

/* How many objects the array has. */
size_t
tool_control_count(const struct tool_control_answer *a, const char *list);

#endif
