/*
 * gatecast session: what is signed in, and ending it. An id here is the hash
 * under which the session is stored, or the beginning of it: whoever sees the
 * list cannot make a cookie of it.
 */
#include "auth/name.h"
#include "tool/tool.h"
#include "tool/tool_out.h"

#include <stdio.h>
#include <string.h>

#define PREFIX_MIN 8 /* hex digits */
#define SHOWN 16
#define HEX_LEN (SESSIONS_KEY_LEN - 2) /* behind "s:" */

/* The name as its user's record has it. TOOL_OK or the exit code. */
static int
find_user(struct tool *t, const char *typed, char name[static NAME_SIZE])
{
	struct users *u;
	struct record_user r;

	int code = tool_check_name(typed, name);
	if (code == TOOL_OK)
		code = tool_open_users(t, false, &u);
	if (code != TOOL_OK)
		return code;
	enum store_err err = users_get(u, name, &r);
	if (err == STORE_NOTFOUND)
		code = tool_fail_unknown(name);
	else if (err != STORE_OK)
		code = tool_fail_store(
		    err, "cannot read the users", users_detail(u));
	else
		memcpy(name, r.name, NAME_SIZE);
	crypto_wipe(&r, sizeof(r));
	users_close(u);
	return code;
}

struct list {
	struct tool_out *out;
	const char *user; /* NULL: everybody's */
	int64_t now_s;
	bool is_whole; /* ids in full */
};

static int
list_one(void *arg, const char *key, const struct record_session *r)
{
	struct list *l = arg;
	char id[HEX_LEN + 1];

	int64_t end_s = record_session_end_s(r);
	if (end_s <= l->now_s ||
	    (l->user != NULL && strcmp(l->user, r->user) != 0))
		return 0;
	snprintf(
	    id, sizeof(id), "%.*s", l->is_whole ? HEX_LEN : SHOWN, key + 2);
	tool_out_text(l->out, r->user);
	tool_out_text(l->out, id);
	tool_out_time(l->out, r->created_s);
	tool_out_time(l->out, r->seen_s);
	tool_out_time(l->out, end_s);
	tool_out_text(l->out, r->address);
	tool_out_text(l->out, r->agent);
	return 0;
}

int
tool_session_list(struct tool *t)
{
	static const char *const columns[] = {
	    "user", "id", "created", "seen", "ends", "address", "agent"};
	char name[NAME_SIZE];
	struct sessions *s = NULL;
	struct list l = {
	    .now_s = clock_wall_s(t->clock), .is_whole = t->args.has_json};

	int code = TOOL_OK;
	if (t->args.n == 1) {
		code = find_user(t, t->args.operands[0], name);
		l.user = name;
	}
	if (code == TOOL_OK)
		code = tool_open_sessions(t, false, &s);
	if (code != TOOL_OK)
		return code;
	l.out = tool_out_new(columns, 7);
	if (l.out == NULL) {
		sessions_close(s);
		return tool_fail(TOOL_REFUSED, "out of memory");
	}
	enum store_err err = sessions_each(s, list_one, &l);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot read the sessions", sessions_detail(s));
	} else {
		tool_out_sort(l.out);
		if (tool_out_print(l.out, t->args.has_json, stdout) == -1)
			code = tool_fail_output();
	}
	tool_out_free(l.out);
	sessions_close(s);
	return code;
}

struct match {
	const char *prefix;
	size_t n_prefix;
	char key[SESSIONS_KEY_SIZE];
	size_t n;
};

static int
match_one(void *arg, const char *key, const struct record_session *r)
{
	struct match *m = arg;

	(void)r;
	if (strncmp(key + 2, m->prefix, m->n_prefix) == 0 && m->n++ == 0)
		memcpy(m->key, key, sizeof(m->key));
	return 0;
}

static int
revoke_one(struct sessions *s, const char *id)
{
	struct match m = {.prefix = id, .n_prefix = strlen(id)};

	if (m.n_prefix < PREFIX_MIN || m.n_prefix > HEX_LEN ||
	    strspn(id, "0123456789abcdef") != m.n_prefix)
		return tool_fail(TOOL_REFUSED,
		    "not a session id: %d to %d hex digits, as `gatecast "
		    "session list` shows them",
		    PREFIX_MIN, HEX_LEN);
	enum store_err err = sessions_each(s, match_one, &m);
	if (err != STORE_OK)
		return tool_fail_store(
		    err, "cannot read the sessions", sessions_detail(s));
	if (m.n > 1)
		return tool_fail(TOOL_REFUSED,
		    "%zu sessions begin with %s: give more of the id", m.n, id);
	err = m.n == 0 ? STORE_NOTFOUND : sessions_end(s, m.key);
	if (err == STORE_NOTFOUND)
		return tool_fail(TOOL_NOTFOUND, "no such session: %s", id);
	if (err != STORE_OK)
		return tool_fail_store(
		    err, "cannot end the session", sessions_detail(s));
	printf("1 session ended\n");
	return TOOL_OK;
}

int
tool_session_revoke(struct tool *t)
{
	const struct tool_args *a = &t->args;
	char name[NAME_SIZE];
	struct sessions *s = NULL;

	if ((a->n == 1) + (a->user != NULL) + a->has_all != 1)
		return tool_fail(
		    TOOL_USAGE, "one of ID, --user NAME and --all is wanted");
	int code = TOOL_OK;
	if (a->user != NULL)
		code = find_user(t, a->user, name);
	if (code == TOOL_OK)
		code = tool_open_sessions(t, true, &s);
	if (code != TOOL_OK)
		return code;
	if (a->n == 1)
		code = revoke_one(s, a->operands[0]);
	else
		code = tool_end_sessions(s, a->user != NULL ? name : NULL);
	if (code == TOOL_OK) {
		tool_audit(a->has_all ? "session.revoke_all" : "session.revoke",
		    a->user != NULL ? name : NULL);
		sessions_maintain(s);
	}
	sessions_close(s);
	return code;
}
