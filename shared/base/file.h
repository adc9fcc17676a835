/*
 * Files read with suspicion and replaced as a whole.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"

#include <stddef.h>
#include <sys/types.h>

enum file_err {
	FILE_OK = 0,
	FILE_MISSING, /* ENOENT */
	FILE_DENIED, /* EACCES, EPERM */
	FILE_TYPE, /* a symlink, directory, FIFO or device */
	FILE_MODE, /* group or others have more than allowed */
	FILE_SIZE, /* longer than max */
	FILE_IO, /* anything else; errno says */
};

/*
 * Reads a regular file of at most max bytes, not through a symlink in its
 * last component, never blocking on a FIFO. forbidden_mode: mode bits that
 * must not be set (e.g. 0077); 0 allows any. Appends to *out.
 */
enum file_err
file_read(const char *path, size_t max, mode_t forbidden_mode, struct buf *out);

/* The same from what is open already, up to its end. */
enum file_err file_read_fd(int fd, size_t max, struct buf *out);

/* What went wrong, as words after "PATH: ". errno used for FILE_IO. */
const char *file_strerror(enum file_err err);

/* What to do about it, to go on with after that; "" where it depends. */
const char *file_cure(enum file_err err);

/*
 * Replaces path by exactly these bytes, or leaves it as it was: temporary
 * file in the same directory, fsync, rename, fsync of the directory. The
 * mode is exactly the given one; the group is that of the existing file when
 * there is one, else the directory's where that is permitted. 0, or -1 with
 * errno; then the new one may be in place all the same, if only the fsync of
 * the directory failed.
 */
int file_replace(const char *path, const void *bytes, size_t n, mode_t mode);

/*
 * The same for what is written bit by bit: begin, write to fd, then commit,
 * or abort, each of which ends it. 0, or -1 with errno. A process that is
 * killed meanwhile leaves PATH.*.tmp behind.
 */
struct file_new {
	int fd;
	char *path, *tmp, *dir;
};
int file_begin(struct file_new *f, const char *path, mode_t mode);
int file_commit(struct file_new *f);
void file_abort(struct file_new *f);

/* write(2) until all is written. 0, or -1 with errno. */
int file_write_all(int fd, const void *bytes, size_t n);

/* fsync of a directory by path. 0, or -1 with errno. */
int file_sync_dir(const char *dir);

/* The same of the directory that a path is in, so that its name stays. */
int file_sync_parent(const char *path);

#endif
