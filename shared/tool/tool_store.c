/*
 * gatecast store: the directories below store.dir.
 */
#include "tool/tool.h"
#include "tool/tool_out.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Whether DIR/NAME is there; if not, it is about to be made: path says so. */
static bool
is_there(const char *dir, const char *name, char *path, size_t size)
{
	struct stat st;

	int n = snprintf(path, size, "%s/%s", dir, name);
	return n < 0 || (size_t)n >= size || lstat(path, &st) == 0;
}

/* Says "made PATH" if it was not there. TOOL_OK or the exit code. */
static int
make(struct tool *t, const char *name,
    enum store_err (*create)(const char *dir, struct buf *error), bool *is_new)
{
	const char *dir = t->config.store.dir;
	char path[4096], doing[32];
	struct buf why = BUF_INIT;

	bool was_there = is_there(dir, name, path, sizeof(path));
	enum store_err err = create(dir, &why);
	int code = TOOL_OK;
	if (err != STORE_OK) {
		snprintf(doing, sizeof(doing), "cannot make the %s", name);
		code = tool_fail_store(err, doing, buf_str(&why));
	} else if (!was_there) {
		printf("made %s\n", path);
		*is_new = true;
	}
	buf_fini(&why);
	return code;
}

static enum store_err
create_keyring(const char *dir, struct buf *error)
{
	return keyring_create(dir, clock_wall_s(clock_system()), error) == 0
	    ? STORE_OK
	    : STORE_IO;
}

int
tool_store_make(struct tool *t)
{
	bool is_new = false;

	int code = tool_become_owner(t);
	if (code == TOOL_OK)
		code = make(t, "users", users_create, &is_new);
	if (code == TOOL_OK)
		code = make(t, "sessions", sessions_create_store, &is_new);
	if (code == TOOL_OK)
		code = make(t, "throttle", throttle_create, &is_new);
	if (code == TOOL_OK)
		code = make(t, KEYRING_FILE, create_keyring, &is_new);
	if (code == TOOL_OK && is_new)
		tool_audit("store.init", NULL);
	return code;
}

static bool
is_empty_dir(const char *path)
{
	const struct dirent *e;
	bool is_empty = true;

	DIR *dir = opendir(path);
	if (dir == NULL)
		return false;
	while (is_empty && (e = readdir(dir)) != NULL)
		is_empty =
		    strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(dir);
	return is_empty;
}

int
tool_store_make_if_empty(struct tool *t)
{
	int code = tool_become_owner(t);

	if (code == TOOL_OK && is_empty_dir(t->config.store.dir))
		code = tool_store_make(t);
	return code;
}

int
tool_store_init(struct tool *t)
{
	return tool_store_make(t);
}

/* --- all of them --------------------------------------------------------- */

struct all {
	struct users *users;
	struct sessions *sessions;
	struct throttle *throttle;
};

static void
close_all(struct all *a)
{
	throttle_close(a->throttle);
	sessions_close(a->sessions);
	users_close(a->users);
}

/* TOOL_OK or the exit code; to be closed in either case. */
static int
open_all(struct tool *t, bool is_writer, struct all *a)
{
	memset(a, 0, sizeof(*a));
	int code = tool_open_users(t, is_writer, &a->users);
	if (code == TOOL_OK)
		code = tool_open_sessions(t, is_writer, &a->sessions);
	if (code == TOOL_OK)
		code = tool_open_throttle(t, is_writer, &a->throttle);
	return code;
}

/* --- stats -------------------------------------------------------------- */

static enum store_err
add_stats(struct tool_out *o, const char *name, struct store *s)
{
	struct store_stats stats;

	enum store_err err = store_stats(s, &stats);
	if (err != STORE_OK)
		return err;
	tool_out_text(o, name);
	tool_out_number(o, (int64_t)stats.generation);
	tool_out_number(o, (int64_t)stats.records);
	tool_out_number(o, stats.base_bytes);
	tool_out_number(o, stats.journal_bytes);
	return STORE_OK;
}

int
tool_store_stats(struct tool *t)
{
	static const char *const columns[] = {
	    "store", "generation", "records", "base_bytes", "journal_bytes"};
	struct tool_out *o = NULL;
	struct all a;

	int code = open_all(t, false, &a);
	if (code != TOOL_OK)
		goto out;
	o = tool_out_new(columns, 5);
	if (o == NULL) {
		code = tool_fail(TOOL_REFUSED, "out of memory");
		goto out;
	}
	enum store_err err = add_stats(o, "users", users_store(a.users));
	if (err == STORE_OK)
		err = add_stats(o, "sessions", sessions_store(a.sessions));
	if (err == STORE_OK)
		err = add_stats(o, "throttle", throttle_store(a.throttle));
	if (err != STORE_OK)
		code = tool_fail_store(err, "cannot read the stores", NULL);
	else if (tool_out_print(o, t->args.has_json, stdout) == -1)
		code = tool_fail_output();
out:
	tool_out_free(o);
	close_all(&a);
	return code;
}

/* --- checkpoint --------------------------------------------------------- */

int
tool_store_checkpoint(struct tool *t)
{
	struct all a;

	int code = open_all(t, true, &a);
	if (code != TOOL_OK)
		goto out;
	enum store_err err = store_checkpoint(users_store(a.users), NULL, NULL);
	if (err != STORE_OK) {
		code = tool_fail_store(
		    err, "cannot checkpoint the users", users_detail(a.users));
		goto out;
	}
	err = sessions_checkpoint(a.sessions);
	if (err != STORE_OK) {
		code = tool_fail_store(err, "cannot checkpoint the sessions",
		    sessions_detail(a.sessions));
		goto out;
	}
	err = throttle_checkpoint(a.throttle);
	if (err != STORE_OK) {
		code = tool_fail_store(err, "cannot checkpoint the throttle",
		    throttle_detail(a.throttle));
		goto out;
	}
	tool_audit("store.checkpoint", NULL);
	printf("users, sessions and throttle have a new generation\n");
out:
	close_all(&a);
	return code;
}
