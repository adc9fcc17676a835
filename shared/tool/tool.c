/*
 * Stores opened as their owner, failures said in one way.
 */
#include "tool/tool.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
tool_fail(enum tool_exit code, const char *fmt, ...)
{
	va_list ap;

	/* What was printed before stands before it, in a file too. */
	fflush(stdout);
	va_start(ap, fmt);
	fputs("gatecast: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return (int)code;
}

static enum tool_exit
exit_of(enum store_err err)
{
	switch (err) {
	case STORE_OK:
		return TOOL_OK;
	case STORE_NOTFOUND:
		return TOOL_NOTFOUND;
	case STORE_INVALID:
		return TOOL_REFUSED;
	case STORE_MISSING:
	case STORE_CORRUPT:
	case STORE_VERSION:
	case STORE_DENIED:
	case STORE_BUSY:
	case STORE_FULL:
	case STORE_READONLY:
	case STORE_IO:
	case STORE_NOMEM:
		break;
	}
	return TOOL_UNREACHABLE;
}

int
tool_fail_store(enum store_err err, const char *doing, const char *detail)
{
	size_t n = detail == NULL ? 0 : strcspn(detail, "\n");

	if (n > 0)
		return tool_fail(
		    exit_of(err), "%s: %.*s", doing, (int)n, detail);
	return tool_fail(exit_of(err), "%s: %s", doing, store_strerror(err));
}

int
tool_fail_users(enum store_err err, const struct users *u)
{
	return tool_fail_store(err, "cannot write the users", users_detail(u));
}

int
tool_fail_unknown(const char *name)
{
	return tool_fail(TOOL_NOTFOUND, "no such user: %s", name);
}

int
tool_fail_output(void)
{
	return tool_fail(TOOL_REFUSED, "cannot write: %s", strerror(errno));
}

int
tool_check_name(const char *typed, char name[static NAME_SIZE])
{
	enum name_err err = name_canonical(typed, strlen(typed), name);

	if (err != NAME_OK)
		return tool_fail(
		    TOOL_REFUSED, "not a user name: %s", name_strerror(err));
	return TOOL_OK;
}

int
tool_read_name(const struct tool *t, size_t i, char name[static NAME_SIZE])
{
	return tool_check_name(t->args.operands[i], name);
}

/* Who asked, once we have become somebody else; before, it is getuid(). */
static uid_t asked_by = (uid_t)-1;

int
tool_become_owner(struct tool *t)
{
	const char *dir = t->config.store.dir;
	struct stat st;

	if (asked_by == (uid_t)-1)
		asked_by = getuid();
	if (stat(dir, &st) == -1)
		return tool_fail(TOOL_UNREACHABLE, "store.dir %s: %s", dir,
		    errno == ENOENT ? "it is not there; make it, owned by "
				      "the user login.fcgi runs as"
				    : strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return tool_fail(TOOL_UNREACHABLE,
		    "store.dir %s: it is not a directory", dir);
	if (geteuid() != 0 || (st.st_uid == 0 && st.st_gid == getegid()))
		return TOOL_OK;

	/*
	 * The group too, also where root itself is the owner: it is how wsd
	 * reads sessions/ and the keyring.
	 */
	const struct passwd *pw = getpwuid(st.st_uid);
	int rc = pw != NULL ? initgroups(pw->pw_name, st.st_gid)
			    : setgroups(1, &st.st_gid);
	if (rc == -1 || setgid(st.st_gid) == -1 || setuid(st.st_uid) == -1)
		return tool_fail(TOOL_UNREACHABLE,
		    "cannot become the owner of %s: %s", dir, strerror(errno));
	return TOOL_OK;
}

bool
tool_is_stranger(const struct tool *t)
{
	struct stat st;

	return stat(t->config.store.dir, &st) == 0 && st.st_uid != geteuid();
}

/* Ends what began with opening a store: its exit code, or why not. */
static int
opened(enum store_err err, const char *failure, struct buf *detail)
{
	int code = TOOL_OK;

	if (err != STORE_OK)
		code = tool_fail_store(err, failure, buf_str(detail));
	if (err == STORE_MISSING)
		fputs("gatecast: `gatecast store init` makes it\n", stderr);
	buf_fini(detail);
	return code;
}

int
tool_open_users(struct tool *t, bool is_writer, struct users **out)
{
	const struct config *c = &t->config;
	struct buf detail = BUF_INIT;
	int code = tool_become_owner(t);

	*out = NULL;
	if (code != TOOL_OK)
		return code;
	return opened(
	    users_open(c->store.dir, is_writer, (int)c->store.lock_wait_ms,
		c->store.reserve_bytes, out, &detail),
	    "cannot open the users", &detail);
}

int
tool_begin_users(struct users *u)
{
	enum store_err err = users_begin(u);

	return err == STORE_OK ? TOOL_OK : tool_fail_users(err, u);
}

int
tool_commit_users(struct users *u, int code)
{
	if (code != TOOL_OK) {
		users_abort(u);
		return code;
	}
	enum store_err err = users_commit(u);
	return err == STORE_OK ? TOOL_OK : tool_fail_users(err, u);
}

int
tool_open_sessions(struct tool *t, bool is_writer, struct sessions **out)
{
	const struct config *c = &t->config;
	struct buf detail = BUF_INIT;
	int code = tool_become_owner(t);

	*out = NULL;
	if (code != TOOL_OK)
		return code;
	return opened(
	    sessions_open(c->store.dir, is_writer, (int)c->store.lock_wait_ms,
		c->store.reserve_bytes, t->clock, out, &detail),
	    "cannot open the sessions", &detail);
}

int
tool_open_throttle(struct tool *t, bool is_writer, struct throttle **out)
{
	const struct config *c = &t->config;
	struct buf detail = BUF_INIT;
	int code = tool_become_owner(t);

	*out = NULL;
	if (code != TOOL_OK)
		return code;
	return opened(throttle_open(c->store.dir, is_writer,
			  (int)c->store.lock_wait_ms, t->clock, out, &detail),
	    "cannot open the throttle", &detail);
}

int
tool_end_sessions(struct sessions *s, const char *user)
{
	size_t ended = 0;

	enum store_err err = sessions_end_user(s, user, NULL, &ended);
	if (err != STORE_OK && err != STORE_NOTFOUND)
		return tool_fail_store(
		    err, "cannot end the sessions", sessions_detail(s));
	printf("%zu %s ended\n", ended, ended == 1 ? "session" : "sessions");
	return TOOL_OK;
}

void
tool_audit(const char *action, const char *user)
{
	tool_audit_with(action, user, NULL, NULL);
}

void
tool_audit_with(
    const char *action, const char *user, const char *key, const char *value)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u",
	    (unsigned)(asked_by == (uid_t)-1 ? getuid() : asked_by));
	const struct log_field fields[] = {
	    {"action", action, SIZE_MAX},
	    {"user", user, SIZE_MAX},
	    {key, value, SIZE_MAX},
	    {"uid", uid, SIZE_MAX},
	};
	log_audit("admin", fields, sizeof(fields) / sizeof(fields[0]));
}
