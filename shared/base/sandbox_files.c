#include "base/sandbox_files.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers that we are compiled with may be. */
#define FS_REFER (1ULL << 13) /* version 2 */
#define FS_TRUNCATE (1ULL << 14) /* 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* 5 */
#define NET_TCP 3ULL /* 4: bind and connect */
#define SCOPE_SIGNAL 2ULL /* 6: to processes that are not ours */

#define FS_FILE                                           \
	(LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE |       \
	    LANDLOCK_ACCESS_FS_READ_FILE | FS_IOCTL_DEV | \
	    LANDLOCK_ACCESS_FS_WRITE_FILE)

struct attributes {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static const uint64_t rights[] = {
    [SANDBOX_READ] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    [SANDBOX_WRITE] = LANDLOCK_ACCESS_FS_READ_FILE |
	LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |
	LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
	LANDLOCK_ACCESS_FS_MAKE_DIR | FS_TRUNCATE,
    [SANDBOX_REMOVE] = LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

/* What this kernel can deny; all of it is denied where no rule allows it. */
static struct attributes
known(long version)
{
	struct attributes a = {.fs = FS_REFER - 1};

	if (version >= 2)
		a.fs |= FS_REFER;
	if (version >= 3)
		a.fs |= FS_TRUNCATE;
	if (version >= 5)
		a.fs |= FS_IOCTL_DEV;
	if (version >= 4)
		a.net = NET_TCP;
	if (version >= 6)
		a.scoped = SCOPE_SIGNAL;
	return a;
}

static long
get_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
}

void
sandbox_files_init(struct sandbox_files *f)
{
	long version = get_version();

	*f = (struct sandbox_files){.fd = -1};
	if (version < 1) {
		log_notice("sandbox: no Landlock in this kernel: files are "
			   "guarded by their modes alone");
		return;
	}
	struct attributes a = known(version);
	size_t size = version >= 6 ? sizeof(a)
	    : version >= 4         ? offsetof(struct attributes, scoped)
				   : offsetof(struct attributes, net);
	f->fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (f->fd == -1) {
		log_err_errno("sandbox: Landlock");
		f->has_failed = true;
	}
}

/* Opens path or what is above it; cuts the copy in path. */
static int
open_nearest(char *path)
{
	for (;;) {
		int fd = open(path, O_PATH | O_CLOEXEC);
		char *slash = strrchr(path, '/');

		if (fd != -1 || errno != ENOENT)
			return fd;
		if (slash == NULL || slash == path)
			return -1;
		*slash = '\0';
	}
}

void
sandbox_files_allow(
    struct sandbox_files *f, const char *path, enum sandbox_access access)
{
	struct stat st;

	if (f->fd == -1 || f->has_failed)
		return;
	char *copy = strdup(path);
	int fd = copy == NULL ? -1 : open_nearest(copy);
	if (fd == -1 || fstat(fd, &st) == -1) {
		/* It cannot be opened later either, which will be told. */
		log_info("sandbox: nothing at %s", path);
		goto out;
	}
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = rights[access] & known(get_version()).fs,
	    .parent_fd = fd,
	};
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_FILE;
	if (syscall(SYS_landlock_add_rule, f->fd, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) == -1) {
		log_err_errno("sandbox: %s", path);
		f->has_failed = true;
	}
out:
	if (fd != -1)
		close(fd);
	free(copy);
}

void
sandbox_files_allow_beside(
    struct sandbox_files *f, const char *path, enum sandbox_access access)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL
	    ? strdup(".")
	    : strndup(path, slash == path ? 1 : (size_t)(slash - path));

	if (dir == NULL) {
		log_err("sandbox: out of memory");
		f->has_failed = true;
		return;
	}
	sandbox_files_allow(f, dir, access);
	free(dir);
}

int
sandbox_files_enter(struct sandbox_files *f)
{
	int rc = f->has_failed ? -1 : 0;

	if (rc == 0 && f->fd != -1 &&
	    syscall(SYS_landlock_restrict_self, f->fd, 0) == -1) {
		log_err_errno("sandbox: Landlock");
		rc = -1;
	}
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	return rc;
}
