/*
 * Files read with suspicion and replaced as a whole. Replacing costs two
 * fsyncs and is meant for keys and other small things that change seldom.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMP_TRIES 16
#define READ_CHUNK 4096

static enum file_err
err_of_errno(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return FILE_MISSING;
	case EACCES:
	case EPERM:
		return FILE_DENIED;
	case ELOOP: /* O_NOFOLLOW */
	case ENXIO: /* a socket */
		return FILE_TYPE;
	default:
		return FILE_IO;
	}
}

enum file_err
file_read(const char *path, size_t max, mode_t forbidden_mode, struct buf *out)
{
	/* NONBLOCK: a FIFO in the file's place must not hang the program. */
	int fd = open(
	    path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return err_of_errno();

	enum file_err err = FILE_OK;
	size_t start = out->len;
	struct stat st;
	if (fstat(fd, &st) == -1) {
		err = FILE_IO;
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err = FILE_TYPE;
		goto out;
	}
	if ((st.st_mode & forbidden_mode) != 0) {
		err = FILE_MODE;
		goto out;
	}
	/* The size may change while we read: the loop decides, not st_size. */
	for (;;) {
		size_t have = out->len - start;
		size_t want = max - have;
		if (want > READ_CHUNK)
			want = READ_CHUNK;
		/* One byte beyond max tells "exactly max" from "more". */
		want++;
		if (buf_reserve(out, want) == -1) {
			err = FILE_IO;
			break;
		}
		ssize_t n = read(fd, out->data + out->len, want);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err = FILE_IO;
			break;
		}
		if (n == 0)
			break;
		if ((size_t)n > max - have) {
			err = FILE_SIZE;
			break;
		}
		out->len += (size_t)n;
	}
	if (out->data != NULL) {
		if (err != FILE_OK)
			out->len = start;
		out->data[out->len] = '\0';
	}

out:;
	int saved = errno;
	close(fd);
	errno = saved;
	return err;
}

const char *
file_strerror(enum file_err err)
{
	switch (err) {
	case FILE_OK:
		return "no error";
	case FILE_MISSING:
		return "no such file";
	case FILE_DENIED:
		return "permission denied";
	case FILE_TYPE:
		return "not a regular file";
	case FILE_MODE:
		return "its mode lets others in who must not be";
	case FILE_SIZE:
		return "longer than allowed";
	case FILE_IO:
		break;
	}
	return strerror(errno);
}

int
file_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
file_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	int rc = fsync(fd);
	int saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* "a/b" -> "a", "/b" -> "/", "b" -> "."; NULL out of memory. */
static char *
dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return strdup(".");
	if (slash == path)
		return strdup("/");
	return strndup(path, (size_t)(slash - path));
}

/*
 * Opens a new file beside path under a name that nobody can have prepared.
 * -> descriptor and *name (caller frees), or -1 with errno.
 */
static int
open_tmp(const char *path, char **name)
{
	for (int i = 0; i < TMP_TRIES; i++) {
		uint64_t r;
		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			return -1;
		char *tmp;
		if (asprintf(&tmp, "%s.%016llx.tmp", path,
			(unsigned long long)r) == -1) {
			errno = ENOMEM;
			return -1;
		}
		int fd = open(tmp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd != -1) {
			*name = tmp;
			return fd;
		}
		int saved = errno;
		free(tmp);
		errno = saved;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

int
file_replace(const char *path, const void *bytes, size_t n, mode_t mode)
{
	char *tmp = NULL;
	int rc = -1;
	int saved;

	char *dir = dir_of(path);
	if (dir == NULL)
		goto err0;
	int fd = open_tmp(path, &tmp);
	if (fd == -1)
		goto err1;

	/*
	 * The group before the mode: chown clears set-id bits, and the bytes
	 * must at no time be readable by a group that they are not for.
	 */
	struct stat st;
	if (lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			errno = EISDIR;
			goto err2;
		}
		struct stat own;
		if (fstat(fd, &own) == -1)
			goto err2;
		if (st.st_gid != own.st_gid &&
		    fchown(fd, (uid_t)-1, st.st_gid) == -1)
			goto err2;
	} else if (errno != ENOENT) {
		goto err2;
	}
	if (fchmod(fd, mode) == -1 || file_write_all(fd, bytes, n) == -1 ||
	    fsync(fd) == -1)
		goto err2;
	/* close(2) may be the first to tell of a full network filesystem. */
	rc = close(fd);
	fd = -1;
	if (rc == -1)
		goto err2;
	rc = rename(tmp, path);
	if (rc == -1)
		goto err2;
	rc = file_sync_dir(dir);
	saved = errno;
	free(tmp);
	free(dir);
	errno = saved;
	return rc;

err2:
	saved = errno;
	if (fd != -1)
		close(fd);
	unlink(tmp);
	free(tmp);
	errno = saved;
err1:
	saved = errno;
	free(dir);
	errno = saved;
err0:
	return -1;
}
