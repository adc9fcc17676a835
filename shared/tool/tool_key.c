/*
 * gatecast key: the keys that sign the cookies. Their secrets are never
 * printed.
 */
#include "auth/keyring.h"
#include "tool/tool.h"
#include "tool/tool_out.h"

#include <string.h>

static int
fail_keyring(struct buf *error)
{
	const char *why = buf_str(error);
	int code =
	    tool_fail(TOOL_UNREACHABLE, "%.*s", (int)strcspn(why, "\n"), why);

	buf_fini(error);
	return code;
}

int
tool_key_list(struct tool *t)
{
	static const char *const columns[] = {"id", "state", "created"};
	struct keyring ring;
	struct buf error = BUF_INIT;

	int code = tool_become_owner(t);
	if (code != TOOL_OK)
		return code;
	if (keyring_load(t->config.store.dir, &ring, &error) == -1)
		return fail_keyring(&error);
	struct tool_out *o = tool_out_new(columns, 3);
	for (size_t i = 0; o != NULL && i < ring.n; i++) {
		const struct keyring_key *k = &ring.keys[i];
		tool_out_text(o, k->kid);
		tool_out_text(
		    o, k->state == KEYRING_CURRENT ? "current" : "previous");
		tool_out_time(o, k->created_s);
	}
	keyring_wipe(&ring);
	if (o == NULL || tool_out_print(o, t->args.has_json, stdout) == -1)
		code = tool_fail_output();
	tool_out_free(o);
	return code;
}

int
tool_key_rotate(struct tool *t)
{
	struct keyring ring;
	struct buf error = BUF_INIT;
	const char *dir = t->config.store.dir;

	int code = tool_become_owner(t);
	if (code != TOOL_OK)
		return code;
	if (keyring_rotate(dir, clock_wall_s(t->clock),
		t->config.login.absolute_lifetime_s, &error) == -1 ||
	    keyring_load(dir, &ring, &error) == -1)
		return fail_keyring(&error);
	tool_audit("key.rotate", NULL);
	printf("key %s signs from now on; what the previous key signed stays "
	       "valid until it expires\n",
	    keyring_current(&ring)->kid);
	keyring_wipe(&ring);
	return TOOL_OK;
}
