/*
 * gatecast publish, who, status, kick, drain: what is asked of the running
 * wsd. It decides whether the one who asks may.
 */
#include "base/buf.h"
#include "tool/tool.h"
#include "tool/tool_control.h"
#include "tool/tool_out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 65536 /* the most that wsd.message_bytes can be */

/* Standard input without the line feeds at its end. TOOL_OK or the code. */
static int
read_text(struct buf *text)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return tool_fail(TOOL_REFUSED,
			    "cannot read standard input: %s", strerror(errno));
		if (buf_append(text, bytes, (size_t)n) == -1)
			return tool_fail(TOOL_REFUSED, "out of memory");
		if (text->len > TEXT_MAX + sizeof(bytes))
			break;
	}
	while (text->len > 0 && text->data[text->len - 1] == '\n')
		text->len--;
	if (text->len > TEXT_MAX)
		return tool_fail(
		    TOOL_REFUSED, "the text is longer than %d bytes", TEXT_MAX);
	if (text->len > 0 && memchr(text->data, '\0', text->len) != NULL)
		return tool_fail(TOOL_REFUSED, "the text has a NUL byte");
	return TOOL_OK;
}

int
tool_publish(struct tool *t)
{
	const char *user = t->args.user;
	struct tool_control_answer *a;
	struct buf text = BUF_INIT;

	int code = t->args.n > 0 ? TOOL_OK : read_text(&text);
	if (t->args.n > 0 && buf_puts(&text, t->args.operands[0]) == -1)
		code = tool_fail(TOOL_REFUSED, "out of memory");
	if (code == TOOL_OK) {
		const struct tool_control_field fields[] = {
		    {"text", buf_str(&text), text.len},
		    {"user", user, user == NULL ? 0 : strlen(user)},
		    {NULL, NULL, 0},
		};
		code = tool_control_ask(t, "publish", fields, &a);
	}
	buf_fini(&text);
	if (code != TOOL_OK)
		return code;
	tool_control_free(a);
	tool_audit("publish", user);
	return TOOL_OK;
}

static int
print(struct tool *t, struct tool_out *out, bool is_one)
{
	int rc = is_one ? tool_out_print_one(out, t->args.has_json, stdout)
			: tool_out_print(out, t->args.has_json, stdout);

	tool_out_free(out);
	return rc == -1 ? tool_fail(TOOL_REFUSED, "cannot print") : TOOL_OK;
}

int
tool_who(struct tool *t)
{
	static const char *const columns[] = {"user", "since", "connections"};
	static const char list[] = "users";
	struct tool_control_answer *a;

	int code = tool_control_ask(t, "who", NULL, &a);
	if (code != TOOL_OK)
		return code;
	struct tool_out *out = tool_out_new(columns, 3);
	if (out == NULL) {
		tool_control_free(a);
		return tool_fail(TOOL_REFUSED, "out of memory");
	}
	for (size_t i = 0; i < tool_control_count(a, list); i++) {
		tool_out_text(out, tool_control_text(a, list, i, "user"));
		tool_out_time(out, tool_control_number(a, list, i, "since"));
		tool_out_number(
		    out, tool_control_number(a, list, i, "connections"));
	}
	tool_out_sort(out);
	tool_control_free(a);
	return print(t, out, false);
}

int
tool_status(struct tool *t)
{
	static const char *const columns[] = {"version", "started", "joins",
	    "store", "epoch", "seq", "users", "gatecast_v1", "plain",
	    "messages", "queue_bytes", "history_messages", "history_bytes"};
	static const size_t n = sizeof(columns) / sizeof(columns[0]);
	struct tool_control_answer *a;

	int code = tool_control_ask(t, "status", NULL, &a);
	if (code != TOOL_OK)
		return code;
	struct tool_out *out = tool_out_new(columns, n);
	if (out == NULL) {
		tool_control_free(a);
		return tool_fail(TOOL_REFUSED, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		const char *text = tool_control_text(a, NULL, 0, columns[i]);
		int64_t number = tool_control_number(a, NULL, 0, columns[i]);
		if (strcmp(columns[i], "started") == 0)
			tool_out_time(out, number);
		else if (text[0] != '\0')
			tool_out_text(out, text);
		else
			tool_out_number(out, number);
	}
	tool_control_free(a);
	return print(t, out, true);
}

int
tool_kick(struct tool *t)
{
	const char *who = t->args.operands[0];
	const char *reason = t->args.n > 1 ? t->args.operands[1] : NULL;
	const struct tool_control_field fields[] = {
	    {"who", who, strlen(who)},
	    {"reason", reason, reason == NULL ? 0 : strlen(reason)},
	    {NULL, NULL, 0},
	};
	struct tool_control_answer *a;

	int code = tool_control_ask(t, "kick", fields, &a);
	if (code != TOOL_OK)
		return code;
	int64_t closed = tool_control_number(a, NULL, 0, "closed");
	tool_control_free(a);
	printf("%" PRId64 " %s closed; the session stays valid (`gatecast "
	       "session revoke` ends it)\n",
	    closed, closed == 1 ? "connection" : "connections");
	tool_audit_with("kick", NULL, "who", who);
	return TOOL_OK;
}

int
tool_drain(struct tool *t)
{
	struct tool_control_answer *a;

	int code = tool_control_ask(t, "drain", NULL, &a);
	if (code != TOOL_OK)
		return code;
	int64_t closing = tool_control_number(a, NULL, 0, "closing");
	tool_control_free(a);
	printf("closing %" PRId64 " %s\n", closing,
	    closing == 1 ? "connection" : "connections");
	tool_audit("drain", NULL);
	return TOOL_OK;
}
