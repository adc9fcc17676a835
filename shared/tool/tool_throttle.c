/*
 * gatecast throttle: whose failures to sign in are remembered, and forgetting
 * them.
 */
#include "tool/tool.h"
#include "tool/tool_out.h"

#include <stdio.h>
#include <string.h>

struct list {
	struct tool_out *out;
	int64_t now_s;
};

static int
list_one(void *arg, enum throttle_kind kind, const struct record_throttle *r)
{
	static const char *const kinds[THROTTLE_KINDS] = {
	    [THROTTLE_NAME] = "account",
	    [THROTTLE_ADDRESS] = "address",
	    [THROTTLE_DEVICE] = "device",
	};
	const struct list *l = arg;
	int64_t wait_s = throttle_policy_wait_s(&r->state, l->now_s);

	tool_out_text(l->out, r->who);
	tool_out_text(l->out, kinds[kind]);
	tool_out_number(l->out, r->state.fails);
	tool_out_time(l->out, wait_s > 0 ? r->state.until_s : 0);
	return 0;
}

int
tool_throttle_list(struct tool *t)
{
	static const char *const columns[] = {
	    "who", "kind", "failures", "next_try"};
	struct throttle *throttle;
	struct list l = {.now_s = clock_wall_s(t->clock)};

	int code = tool_open_throttle(t, false, &throttle);
	if (code != TOOL_OK)
		return code;
	l.out = tool_out_new(columns, 4);
	if (l.out == NULL) {
		throttle_close(throttle);
		return tool_fail(TOOL_REFUSED, "out of memory");
	}
	enum store_err err = throttle_each(throttle, list_one, &l);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot read the throttle", throttle_detail(throttle));
	} else {
		tool_out_sort(l.out);
		if (tool_out_print(l.out, t->args.has_json, stdout) == -1)
			code = tool_fail_output();
	}
	tool_out_free(l.out);
	throttle_close(throttle);
	return code;
}

int
tool_throttle_clear(struct tool *t)
{
	const char *what = t->args.operands[0];
	struct throttle *throttle;
	size_t cleared;

	int code = tool_open_throttle(t, true, &throttle);
	if (code != TOOL_OK)
		return code;
	enum store_err err = throttle_clear(throttle, what, &cleared);
	if (err != STORE_OK)
		code = tool_fail_store(err, "cannot clear the throttle",
		    throttle_detail(throttle));
	else if (cleared == 0)
		code = tool_fail(
		    TOOL_NOTFOUND, "no failures are known of: %s", what);
	else
		tool_audit("throttle.clear", what);
	if (code == TOOL_OK)
		printf("cleared %s\n", what);
	throttle_close(throttle);
	return code;
}
