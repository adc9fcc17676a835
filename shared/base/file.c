/*
 * Files read with suspicion and replaced as a whole. Replacing costs two
 * fsyncs and is meant for keys and other small things that change seldom.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
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
file_read_fd(int fd, size_t max, struct buf *out)
{
	enum file_err err = FILE_OK;
	size_t start = out->len;
	/* The size may change while we read: the loop decides, not st_size. */
	for (;;) {
		size_t have = out->len - start;
		size_t want = max - have;
		if (want > READ_CHUNK)
			want = READ_CHUNK;
		/* One byte beyond max tells "exactly max" from "more". */
		want++;
		if (buf_reserve(out, want) == -1) {
			errno = ENOMEM;
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
	return err;
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
	struct stat st;
	if (fstat(fd, &st) == -1)
		err = FILE_IO;
	else if (!S_ISREG(st.st_mode))
		err = FILE_TYPE;
	else if ((st.st_mode & forbidden_mode) != 0)
		err = FILE_MODE;
	else
		err = file_read_fd(fd, max, out);
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

const char *
file_cure(enum file_err err)
{
	if (err == FILE_DENIED)
		return "; check owner, group and mode of the file";
	return err == FILE_TYPE ? "; put the file itself there" : "";
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

int
file_sync_parent(const char *path)
{
	char *dir = dir_of(path);
	if (dir == NULL)
		return -1;
	int rc = file_sync_dir(dir);
	int saved = errno;
	free(dir);
	errno = saved;
	return rc;
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
file_begin(struct file_new *f, const char *path, mode_t mode)
{
	struct stat st, own;

	f->fd = -1;
	f->tmp = NULL;
	f->dir = dir_of(path);
	f->path = strdup(path);
	if (f->dir == NULL || f->path == NULL) {
		errno = ENOMEM;
		goto fail;
	}
	f->fd = open_tmp(path, &f->tmp);
	if (f->fd == -1)
		goto fail;
	/*
	 * The group before the mode: chown clears set-id bits, and the bytes
	 * must at no time be readable by a group that they are not for.
	 */
	bool is_new = lstat(path, &st) == -1;
	if (is_new && (errno != ENOENT || stat(f->dir, &st) == -1))
		goto fail;
	if (!is_new && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		goto fail;
	}
	if (fstat(f->fd, &own) == -1)
		goto fail;
	if (st.st_gid != own.st_gid &&
	    fchown(f->fd, (uid_t)-1, st.st_gid) == -1 &&
	    !(is_new && errno == EPERM))
		goto fail;
	if (fchmod(f->fd, mode) == -1)
		goto fail;
	return 0;
fail:
	file_abort(f);
	return -1;
}

int
file_commit(struct file_new *f)
{
	int rc;
	do {
		rc = fsync(f->fd);
	} while (rc == -1 && errno == EINTR);
	/* close(2) may be the first to tell of a full network filesystem. */
	if (rc == 0) {
		rc = close(f->fd);
		f->fd = -1;
	}
	if (rc == 0)
		rc = rename(f->tmp, f->path);
	if (rc == 0) {
		free(f->tmp);
		f->tmp = NULL; /* it has its name: stays */
		rc = file_sync_dir(f->dir);
	}
	file_abort(f);
	return rc;
}

void
file_abort(struct file_new *f)
{
	int saved = errno;

	if (f->fd != -1)
		close(f->fd);
	if (f->tmp != NULL)
		unlink(f->tmp);
	free(f->tmp);
	free(f->dir);
	free(f->path);
	f->fd = -1;
	f->tmp = f->dir = f->path = NULL;
	errno = saved;
}

int
file_replace(const char *path, const void *bytes, size_t n, mode_t mode)
{
	struct file_new f;

	if (file_begin(&f, path, mode) == -1)
		return -1;
	if (file_write_all(f.fd, bytes, n) == -1) {
		file_abort(&f);
		return -1;
	}
	return file_commit(&f);
}
