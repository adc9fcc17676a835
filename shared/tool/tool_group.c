/*
 * gatecast user join, leave: a user's groups. They stand in the account's
 * record, which login.fcgi reads at each check, so that a change holds from
 * the next request on and no session has to end for it.
 */
#include "auth/crypto.h"
#include "tool/tool.h"

#include <stdio.h>
#include <string.h>

/* In the transaction. TOOL_OK or the exit code; name is then as stored. */
static int
change_groups(struct users *u, char name[static NAME_SIZE], const char *group,
    bool is_join)
{
	struct record_user r;
	int code = TOOL_OK;

	enum store_err err = users_get(u, name, &r);
	if (err == STORE_NOTFOUND)
		return tool_fail_unknown(name);
	if (err != STORE_OK)
		return tool_fail_users(err, u);
	memcpy(name, r.name, NAME_SIZE);
	if (is_join) {
		enum group_err bad =
		    group_list_add(r.groups, group, strlen(group));
		if (bad != GROUP_OK)
			code =
			    tool_fail(TOOL_REFUSED, "%s", group_strerror(bad));
	} else if (!group_list_remove(r.groups, group, strlen(group))) {
		code = tool_fail(
		    TOOL_NOTFOUND, "%s is in no such group: %s", name, group);
	}
	if (code == TOOL_OK)
		err = users_put(u, &r);
	crypto_wipe(&r, sizeof(r));
	return err == STORE_OK ? code : tool_fail_users(err, u);
}

static int
change_user(struct tool *t, bool is_join)
{
	const char *group = t->args.n == 2 ? t->args.operands[1] : "";
	char name[NAME_SIZE];
	struct users *u = NULL;

	int code = tool_read_name(t, 0, name);
	if (code == TOOL_OK)
		code = tool_open_users(t, true, &u);
	if (code == TOOL_OK)
		code = tool_begin_users(u);
	if (code != TOOL_OK)
		goto out;
	/* Taking rights away is to succeed on a full disk. */
	if (!is_join)
		users_use_reserve(u);
	code = change_groups(u, name, group, is_join);
	code = tool_commit_users(u, code);
	if (code != TOOL_OK)
		goto out;
	tool_audit_with(
	    is_join ? "user.join" : "user.leave", name, "group", group);
	printf("user %s is %s in group %s\n", name,
	    is_join ? "now" : "no longer", group);
	users_maintain(u);
out:
	users_close(u);
	return code;
}

int
tool_user_join(struct tool *t)
{
	return change_user(t, true);
}

int
tool_user_leave(struct tool *t)
{
	return change_user(t, false);
}
