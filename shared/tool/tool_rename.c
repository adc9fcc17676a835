/*
 * gatecast user rename. The record moves to the new name's key in one
 * transaction; then the sessions end, for they carry the old name.
 */
#include "auth/crypto.h"
#include "tool/tool.h"
#include "tool/tool_names.h"

#include <stdio.h>
#include <string.h>

/*
 * In the transaction: OLD's record becomes NEW's. new_name may be OLD in
 * another case. TOOL_OK or the exit code; old_name is then as it was stored.
 */
static int
move_record(struct users *u, struct tool_names *names,
    char old_name[static NAME_SIZE], const char *new_name)
{
	struct record_user r;
	int code = TOOL_OK;

	enum store_err err = users_get(u, old_name, &r);
	if (err == STORE_NOTFOUND) {
		code = tool_fail_unknown(old_name);
		goto out;
	}
	if (err != STORE_OK)
		goto out;
	memcpy(old_name, r.name, NAME_SIZE);
	if (strcmp(r.name, new_name) == 0) {
		code = tool_fail(
		    TOOL_REFUSED, "the user is called %s already", r.name);
		goto out;
	}
	code = tool_check_free(u, names, new_name, old_name);
	if (code == TOOL_OK) {
		memcpy(r.name, new_name, strlen(new_name) + 1);
		err = users_rename(u, old_name, &r);
	}
out:
	if (code == TOOL_OK && err != STORE_OK)
		code = tool_fail_users(err, u);
	crypto_wipe(&r, sizeof(r));
	return code;
}

int
tool_user_rename(struct tool *t)
{
	char old_name[NAME_SIZE], new_name[NAME_SIZE];
	struct users *u = NULL;
	struct sessions *s = NULL;
	struct tool_names *names = NULL;
	enum store_err err;

	int code = tool_read_name(t, 0, old_name);
	if (code == TOOL_OK)
		code = tool_read_name(t, 1, new_name);
	if (code == TOOL_OK)
		code = tool_open_users(t, true, &u);
	/* Before the change, so that it is not half done without them. */
	if (code == TOOL_OK)
		code = tool_open_sessions(t, true, &s);
	if (code != TOOL_OK)
		goto out;
	err = tool_names_new(u, &names);
	code = err == STORE_OK ? tool_begin_users(u) : tool_fail_users(err, u);
	if (code != TOOL_OK)
		goto out;
	code = move_record(u, names, old_name, new_name);
	/* While the name is there: cut short after it, nobody could end them.
	 */
	if (code == TOOL_OK)
		code = tool_end_sessions(s, old_name);
	code = tool_commit_users(u, code);
	if (code != TOOL_OK)
		goto out;
	tool_audit_with("user.rename", old_name, "to", new_name);
	printf("user %s is now %s\n", old_name, new_name);
	sessions_maintain(s);
	users_maintain(u);
out:
	tool_names_free(names);
	sessions_close(s);
	users_close(u);
	return code;
}
