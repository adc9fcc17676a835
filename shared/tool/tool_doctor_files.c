/*
 * gatecast doctor, what is on the disk: configuration, templates, modes of
 * what is secret, room, accounts.
 */
#include "auth/keyring.h"
#include "base/buf.h"
#include "tool/tool_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Below it the next checkpoint or history may not fit. */
#define ROOM_BYTES (64 * 1024 * 1024)
/* A key that old has been in many backups, and many hands. */
#define KEY_AGE_MAX_DAYS 400

void
doctor_configuration(struct doctor *d, const char *name)
{
	const struct tool *t = d->t;
	struct buf error = BUF_INIT;

	if (config_check_paths(&t->config, t->conf_path, true, &error) == 0) {
		doctor_ok(d, name, "%s%s", t->conf_path,
		    t->is_default ? " is not there, defaults hold" : "");
	} else {
		const char *why = buf_str(&error);
		doctor_find(
		    d, true, name, "%.*s", (int)strcspn(why, "\n"), why);
		doctor_fix(d,
		    "make what is missing, or name another in %s; then "
		    "gatecast config check",
		    t->conf_path);
	}
	buf_fini(&error);
}

void
doctor_templates(struct doctor *d, const char *name)
{
	static const char *const files[] = {"layout_head.html",
	    "layout_foot.html", "switches.html", "login.html", "chat.html",
	    "account.html", "secret.html", "error.html", "phrases.en",
	    "phrases.zh"};
	const char *dir = d->t->config.login.templates;
	char path[4096];
	bool is_good = true;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		if (access(path, R_OK) == 0)
			continue;
		is_good = false;
		doctor_find(d, true, name,
		    "%s: %s; login.fcgi cannot make its pages", path,
		    strerror(errno));
		doctor_fix(d,
		    "install Gatecast's templates there, or set "
		    "templates = DIRECTORY in [login] of %s",
		    d->t->conf_path);
	}
	if (is_good)
		doctor_ok(d, name, "%s", dir);
}

/* Whether path is there and has none of the bits of mask. */
static bool
is_closed(struct doctor *d, const char *name, const char *path, unsigned mask)
{
	struct stat st;

	if (stat(path, &st) == -1 || (st.st_mode & mask) == 0)
		return true;
	doctor_find(d, true, name,
	    "%s has mode %04o: every user of this machine can get at it", path,
	    (unsigned)st.st_mode & 07777U);
	doctor_fix(
	    d, "chmod %04o %s", (unsigned)st.st_mode & 07777U & ~mask, path);
	return false;
}

/* The accounts with their hashes, journals and what was left there too. */
static bool
are_users_closed(struct doctor *d, const char *name)
{
	char dir[4096], path[4096 + 256];
	const struct dirent *entry;
	bool is_good = true;

	snprintf(dir, sizeof(dir), "%s/users", d->t->config.store.dir);
	DIR *users = opendir(dir);
	if (users == NULL)
		return true; /* told by users */
	while ((entry = readdir(users)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		is_good = is_closed(d, name, path, S_IRWXO) && is_good;
	}
	closedir(users);
	return is_good;
}

void
doctor_secrets(struct doctor *d, const char *name)
{
	const char *dir = d->t->config.store.dir;
	char path[4096];
	bool is_good = is_closed(d, name, dir, S_IRWXO & ~S_IXOTH);

	snprintf(path, sizeof(path), "%s/" KEYRING_FILE, dir);
	is_good = is_closed(d, name, path, S_IRWXO) && is_good;
	is_good = are_users_closed(d, name) && is_good;
	/* It may be read by all, and must not be written. */
	is_good = is_closed(d, name, d->t->conf_path, S_IWOTH) && is_good;
	if (is_good)
		doctor_ok(d, name, "closed to other users");
}

static bool
has_room(struct doctor *d, const char *name, const char *dir)
{
	struct statvfs fs;

	if (dir[0] == '\0' || statvfs(dir, &fs) == -1)
		return true; /* told by configuration, or made by wsd */
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room >= ROOM_BYTES)
		return true;
	doctor_find(d, room == 0, name,
	    "%s: %" PRIu64 " KiB left: sign-ins and history cannot be kept",
	    dir, room / 1024);
	doctor_fix(d,
	    "make room on that file system (df -h %s), then gatecast "
	    "store checkpoint",
	    dir);
	return false;
}

void
doctor_disk(struct doctor *d, const char *name)
{
	bool is_good = has_room(d, name, d->t->config.store.dir);

	is_good = has_room(d, name, d->t->config.wsd.history_dir) && is_good;
	if (is_good)
		doctor_ok(d, name, "room enough");
}

void
doctor_plain_http(struct doctor *d, const char *name)
{
	const struct config *c = &d->t->config;

	for (size_t i = 0; i < c->site.origins.n; i++) {
		const char *origin = c->site.origins.items[i];
		if (strncasecmp(origin, "http:", 5) != 0 || c->login.plain_http)
			continue;
		doctor_find(d, true, name,
		    "%s is http, where nobody may sign in: cookies are Secure",
		    origin);
		doctor_fix(d,
		    "serve it over https and write https:%s, or for a "
		    "LAN set plain_http = yes in [login] of %s",
		    origin + 5, d->t->conf_path);
		return;
	}
	doctor_ok(d, name, "origins and login.plain_http agree");
}

static int
count(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)key;
	(void)key_len;
	(void)value;
	(void)value_len;
	++*(uint64_t *)arg;
	return 0;
}

static void
check_key(struct doctor *d, const struct keyring *keys)
{
	static const char name[] = "signing key";
	int64_t age_s =
	    clock_wall_s(d->t->clock) - keyring_current(keys)->created_s;
	int64_t days = age_s / (24 * 3600);

	if (days <= KEY_AGE_MAX_DAYS) {
		doctor_ok(d, name, "%" PRId64 " days old", days);
		return;
	}
	doctor_find(d, false, name,
	    "%" PRId64 " days old: each copy of it from all that time, as in a "
	    "backup, still signs",
	    days);
	doctor_fix(d, "gatecast key rotate; nobody has to sign in again");
}

void
doctor_users(struct doctor *d, const char *name)
{
	struct sessions *sessions;
	struct users *users;
	uint64_t n = 0;

	if (tool_open_users(d->t, false, &users) != TOOL_OK) {
		doctor_find(d, true, name, "the accounts cannot be read");
		doctor_fix(d,
		    "gatecast store init makes what is missing; for "
		    "what is damaged see gatecast store check");
		return;
	}
	enum store_err err = store_each(users_store(users), count, &n);
	users_close(users);
	if (err != STORE_OK) {
		doctor_find(d, true, name, "not all accounts can be read");
		doctor_fix(d, "gatecast store check");
	} else if (n == 0) {
		doctor_find(
		    d, false, name, "there are none: nobody can sign in");
		doctor_fix(d, "gatecast user add NAME");
	} else {
		doctor_ok(d, name, "%" PRIu64, n);
	}
	if (tool_open_sessions(d->t, false, &sessions) != TOOL_OK) {
		doctor_find(d, true, "sessions", "they cannot be read");
		doctor_fix(d,
		    "gatecast store init makes what is missing; for "
		    "what is damaged see gatecast store check");
		return;
	}
	doctor_ok(d, "sessions", "sessions and keyring can be read");
	check_key(d, sessions_keyring(sessions));
	sessions_close(sessions);
}
