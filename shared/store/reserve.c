/*
 * Blocks are set aside for real (posix_fallocate), since a hole would be
 * found to be none on the day it is needed.
 */
#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum store_err
reserve_ensure(struct files *f, int64_t bytes)
{
	struct stat st;
	if (bytes <= 0)
		return STORE_OK;
	if (fstatat(f->fd, RESERVE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size >= bytes)
		return STORE_OK;
	int fd;
	enum store_err err = files_create(f, RESERVE_FILE, 0660, &fd);
	if (err != STORE_OK)
		return err;
	int error;
	do {
		error = posix_fallocate(fd, 0, bytes);
	} while (error == EINTR);
	close(fd);
	if (error == 0)
		return STORE_OK;
	unlinkat(f->fd, RESERVE_FILE, 0);
	errno = error;
	return files_fail_errno(
	    f, RESERVE_FILE, "cannot set aside store.reserve_bytes");
}

bool
reserve_release(struct files *f)
{
	int fd = openat(f->fd, RESERVE_FILE,
	    O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return false;
	/* Blocks come back when the truncation has reached the disk. */
	bool is_released = ftruncate(fd, 0) == 0;
	fsync(fd);
	close(fd);
	unlinkat(f->fd, RESERVE_FILE, 0);
	return is_released;
}
