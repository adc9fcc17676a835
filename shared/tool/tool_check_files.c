/*
 * What stands in store.dir: whose it is, and what was left there by what was
 * killed. Leftovers do no harm, so they are told and no finding.
 */
#include "tool/tool.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* In store.dir and in the stores' directories alike. */
static const struct {
	const char *pattern;
	const char *what; /* NULL: belongs there */
} names[] = {
    {"users", NULL},
    {"sessions", NULL},
    {"throttle", NULL},
    {KEYRING_FILE, NULL},
    {"secret", NULL},
    {"login.slots", NULL}, /* login.fcgi as a CGI: who hashes now */
    {"base.gdbm", NULL},
    {"lock", NULL},
    {"reserve", NULL},
    {"*.damaged-*",
	"kept by a restore; to be removed when nobody wants to look at it any "
	"more"},
    {"base.new",
	"of a checkpoint under way, or of one that was killed: then "
	"the next one removes it"},
    {"lock.*", "left by a command that was killed; may be removed"},
    {"secret.*", "left by a command that was killed; may be removed"},
    {"*.tmp", "left by a command that was killed; may be removed"},
    {"journal.*", NULL},
    {"*", "no file of gatecast's"},
};

struct place {
	uid_t uid; /* of store.dir */
	gid_t gid; /* of the directory looked at */
	bool is_store; /* all in it is of one group */
	uint64_t *findings;
	size_t journals;
};

static void
check_one(struct place *p, const char *dir, const char *name)
{
	char path[4096];
	struct stat st;
	size_t i = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	while (fnmatch(names[i].pattern, name, 0) != 0)
		i++;
	if (names[i].what != NULL)
		printf("note: %s: %s\n", path, names[i].what);
	p->journals += strcmp(names[i].pattern, "journal.*") == 0;
	if (lstat(path, &st) == -1)
		return; /* gone since */
	bool is_opened =
	    strcmp(name, "lock") != 0 && strcmp(name, "reserve") != 0;
	if (p->is_store && !is_opened && !S_ISREG(st.st_mode)) {
		++*p->findings;
		tool_fail(TOOL_REFUSED,
		    "%s: not a regular file; move it away, and the next "
		    "change makes it anew",
		    path);
		return;
	}
	if (S_ISLNK(st.st_mode))
		return; /* refused when it was opened */
	gid_t gid = p->is_store ? p->gid : st.st_gid;
	if (st.st_uid == p->uid && st.st_gid == gid)
		return;
	++*p->findings;
	tool_fail(TOOL_REFUSED, "%s: is owned by %u:%u; chown %u:%u %s", path,
	    (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)p->uid,
	    (unsigned)gid, path);
}

static void
check_dir(struct place *p, const char *dir)
{
	const struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);

	if (d == NULL)
		return; /* told when the store was opened */
	if (fstat(dirfd(d), &st) == 0)
		p->gid = st.st_gid;
	p->journals = 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			check_one(p, dir, e->d_name);
	closedir(d);
	if (p->journals > 1)
		printf("note: %s: %zu journals: of a checkpoint under way, or "
		       "of one that was killed: then the next one removes "
		       "what is too many\n",
		    dir, p->journals);
}

void
tool_check_files(const struct tool *t, uint64_t *n)
{
	static const char *const stores[] = {"users", "sessions", "throttle"};
	const char *dir = t->config.store.dir;
	struct place p = {.findings = n};
	struct stat st;
	char path[4096];

	if (stat(dir, &st) == -1)
		return;
	p.uid = st.st_uid;
	check_dir(&p, dir);
	p.is_store = true;
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, stores[i]);
		check_dir(&p, path);
	}
}
