/*
 * Everything is opened relative to one descriptor of the directory, so that
 * base, journal and lock are those of one directory even while somebody
 * moves it away and puts another in its place.
 */
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOURNAL_PREFIX "journal."

int
files_init(struct files *f, const char *dir)
{
	f->fd = -1;
	f->forbidden_mode = 0;
	buf_init(&f->detail);
	f->dir = strdup(dir);
	return f->dir == NULL ? -1 : 0;
}

void
files_fini(struct files *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	free(f->dir);
	f->dir = NULL;
	buf_fini(&f->detail);
}

static enum store_err
err_of_errno(int error)
{
	switch (error) {
	case ENOENT:
		return STORE_MISSING;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
	case EISDIR:
	case ENOTDIR:
	case ENXIO:
		return STORE_DENIED;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return STORE_FULL;
	case ENOMEM:
		return STORE_NOMEM;
	default:
		return STORE_IO;
	}
}

static void
begin_detail(struct files *f, const char *name)
{
	buf_reset(&f->detail);
	if (name == NULL)
		buf_printf(&f->detail, "%s: ", f->dir);
	else
		buf_printf(&f->detail, "%s/%s: ", f->dir, name);
}

enum store_err
files_fail(
    struct files *f, const char *name, enum store_err err, const char *fmt, ...)
{
	char words[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	begin_detail(f, name);
	buf_puts(&f->detail, words);
	return err;
}

enum store_err
files_fail_errno(struct files *f, const char *name, const char *doing)
{
	int error = errno;
	enum store_err err = err_of_errno(error);
	begin_detail(f, name);
	buf_printf(&f->detail, "%s: %s", doing, strerror(error));
	if (error == ELOOP)
		buf_puts(&f->detail,
		    " (a symbolic link is refused; put the file or "
		    "directory itself there)");
	else if (err == STORE_DENIED)
		buf_puts(&f->detail,
		    "; check owner, group, mode and kind of the file");
	else if (err == STORE_FULL)
		buf_puts(&f->detail, "; make room on its file system");
	errno = error;
	return err;
}

/* A store must not be open to more than those it is made for. */
static enum store_err
check_mode(
    struct files *f, const char *name, const struct stat *st, mode_t forbidden)
{
	mode_t loose = st->st_mode & forbidden;
	if (loose == 0)
		return STORE_OK;
	begin_detail(f, name);
	buf_printf(&f->detail,
	    "its mode %03o lets others in who must not be; chmod %03o %s%s%s",
	    (unsigned)(st->st_mode & 0777),
	    (unsigned)(st->st_mode & 0777 & ~loose), f->dir,
	    name == NULL ? "" : "/", name == NULL ? "" : name);
	return STORE_DENIED;
}

/*
 * Who may write to the directory above could put another one in this one's
 * place, unless it is sticky as /tmp is.
 */
static enum store_err
check_dir(struct files *f, int fd)
{
	struct stat st, above;
	if (f->forbidden_mode == 0)
		return STORE_OK;
	if (fstat(fd, &st) == -1 || fstatat(fd, "..", &above, 0) == -1)
		return files_fail_errno(f, NULL, "cannot stat");
	enum store_err err = check_mode(f, NULL, &st, f->forbidden_mode);
	if (err == STORE_OK && (above.st_mode & S_ISVTX) == 0)
		err = check_mode(f, "..", &above, f->forbidden_mode & 0022);
	return err;
}

enum store_err
files_open_dir(struct files *f, bool *has_changed)
{
	struct stat held, named;
	if (has_changed != NULL)
		*has_changed = false;
	if (f->fd != -1 && fstat(f->fd, &held) == 0 &&
	    lstat(f->dir, &named) == 0 && held.st_dev == named.st_dev &&
	    held.st_ino == named.st_ino)
		return check_dir(f, f->fd);
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOTDIR && lstat(f->dir, &named) == 0 &&
	    S_ISLNK(named.st_mode))
		errno = ELOOP;
	if (fd == -1 && errno == ENOENT)
		return files_fail(f, NULL, STORE_MISSING,
		    "there is no such directory; check store.dir, or make "
		    "the store by adding a user");
	if (fd == -1)
		return files_fail_errno(f, NULL, "cannot open the directory");
	enum store_err err = check_dir(f, fd);
	if (err != STORE_OK) {
		close(fd);
		return err;
	}
	if (f->fd != -1)
		close(f->fd);
	f->fd = fd;
	if (has_changed != NULL)
		*has_changed = true;
	return STORE_OK;
}

enum store_err
files_open(struct files *f, const char *name, int flags, int *fd)
{
	*fd = openat(f->fd, name,
	    flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd == -1)
		return files_fail_errno(f, name, "cannot open");
	struct stat st;
	enum store_err err = STORE_OK;
	if (fstat(*fd, &st) == -1)
		err = files_fail_errno(f, name, "cannot stat");
	else if (!S_ISREG(st.st_mode))
		err = files_fail(f, name, STORE_DENIED,
		    "not a regular file; move it away and restore from a "
		    "backup: gatecast store restore");
	else
		err = check_mode(f, name, &st, f->forbidden_mode);
	if (err != STORE_OK) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

/* Owner and group as the directory around it has them, and that mode. */
static enum store_err
dress(struct files *f, const char *name, int fd, const struct stat *around,
    mode_t mode)
{
	struct stat st;
	if (fstat(fd, &st) == -1)
		return files_fail_errno(f, name, "cannot stat");
	uid_t uid = geteuid() == 0 ? around->st_uid : st.st_uid;
	if ((uid != st.st_uid || around->st_gid != st.st_gid) &&
	    fchown(fd, uid, around->st_gid) == -1 && errno != EPERM)
		return files_fail_errno(f, name, "cannot set the owner");
	if (fchmod(fd, mode) == -1)
		return files_fail_errno(f, name, "cannot set the mode");
	return STORE_OK;
}

enum store_err
files_dress_dir(struct files *f, mode_t mode)
{
	struct stat above;
	if (fstatat(f->fd, "..", &above, 0) == -1)
		return files_fail_errno(f, NULL, "cannot stat");
	return dress(f, NULL, f->fd, &above, mode);
}

enum store_err
files_create(struct files *f, const char *name, mode_t mask, int *fd)
{
	*fd = -1;
	if (unlinkat(f->fd, name, 0) == -1 && errno != ENOENT)
		return files_fail_errno(f, name, "cannot remove");
	*fd = openat(f->fd, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd == -1)
		return files_fail_errno(f, name, "cannot create");
	struct stat dir;
	enum store_err err = fstat(f->fd, &dir) == -1
	    ? files_fail_errno(f, name, "cannot stat")
	    : dress(f, name, *fd, &dir, dir.st_mode & mask);
	if (err != STORE_OK) {
		close(*fd);
		*fd = -1;
		unlinkat(f->fd, name, 0);
	}
	return err;
}

enum store_err
files_open_lock(struct files *f, int *fd)
{
	for (int tries = 0; tries < 8; tries++) {
		enum store_err err = files_open(f, FILES_LOCK, O_RDWR, fd);
		if (err != STORE_MISSING)
			return err;
		/* Under another name until it is dressed: nobody may find one
		 * that they cannot open. */
		char name[FILES_NAME_SIZE];
		snprintf(name, sizeof(name), FILES_LOCK ".%" PRIdMAX,
		    (intmax_t)getpid());
		struct stat dir;
		if (fstat(f->fd, &dir) == -1)
			return files_fail_errno(f, NULL, "cannot stat");
		mode_t mask = (dir.st_mode & 0060) == 0060 ? 0660 : 0600;
		int made;
		err = files_create(f, name, mask, &made);
		if (err != STORE_OK)
			return err;
		close(made);
		int rc = linkat(f->fd, name, f->fd, FILES_LOCK, 0);
		int error = errno;
		unlinkat(f->fd, name, 0);
		errno = error;
		if (rc == -1 && errno != EEXIST)
			return files_fail_errno(f, FILES_LOCK, "cannot create");
	}
	return files_fail(
	    f, FILES_LOCK, STORE_IO, "is removed as often as it is made");
}

bool
files_is_current(const struct files *f, const char *name, int fd)
{
	struct stat named, held;
	return fstat(fd, &held) == 0 &&
	    fstatat(f->fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

enum store_err
files_sync_dir(struct files *f)
{
	if (fsync(f->fd) == -1)
		return files_fail_errno(f, NULL, "cannot sync the directory");
	return STORE_OK;
}

enum store_err
files_remove(struct files *f, const char *name)
{
	if (unlinkat(f->fd, name, 0) == -1 && errno != ENOENT)
		return files_fail_errno(f, name, "cannot remove");
	return STORE_OK;
}

void
files_journal_name(uint64_t generation, char out[static FILES_NAME_SIZE])
{
	snprintf(out, FILES_NAME_SIZE, JOURNAL_PREFIX "%" PRIu64, generation);
}

/* Generations are written in one way only: no sign, no leading zero. */
static bool
parse_journal_name(const char *name, uint64_t *generation)
{
	size_t prefix = sizeof(JOURNAL_PREFIX) - 1;
	if (strncmp(name, JOURNAL_PREFIX, prefix) != 0)
		return false;
	const char *digits = name + prefix;
	size_t n = strlen(digits);
	if (n == 0 || n > 19 || digits[0] == '0')
		return false;
	*generation = 0;
	for (size_t i = 0; i < n; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		*generation = *generation * 10 + (uint64_t)(digits[i] - '0');
	}
	return true;
}

enum store_err
files_journals(struct files *f, uint64_t **out, size_t *n)
{
	enum store_err err = STORE_OK;
	*out = NULL;
	*n = 0;
	size_t cap = 0;
	int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		err = files_fail_errno(f, NULL, "cannot list the directory");
		if (fd != -1)
			close(fd);
		return err;
	}
	struct dirent *e;
	while (errno = 0, (e = readdir(dir)) != NULL) {
		uint64_t generation;
		if (!parse_journal_name(e->d_name, &generation))
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 8 : cap * 2;
			uint64_t *more = realloc(*out, cap * sizeof(**out));
			if (more == NULL) {
				err = STORE_NOMEM;
				break;
			}
			*out = more;
		}
		(*out)[(*n)++] = generation;
	}
	if (err == STORE_OK && errno != 0)
		err = files_fail_errno(f, NULL, "cannot list the directory");
	closedir(dir);
	if (err != STORE_OK) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	return err;
}

static int64_t
nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

struct files_id
files_id(const struct stat *st)
{
	return (struct files_id){
	    .dev = st->st_dev,
	    .ino = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime_ns = nanoseconds(&st->st_mtim),
	    .ctime_ns = nanoseconds(&st->st_ctim),
	};
}

bool
files_id_equal(const struct files_id *a, const struct files_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
