/*
 * The files of a store's directory, opened with suspicion: never through a
 * symlink, never waiting on a FIFO, regular or refused. Failures are told as
 * "PATH: what is wrong and what to do".
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "base/buf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define FILES_BASE "base.gdbm"
#define FILES_BASE_NEW "base.new"
#define FILES_LOCK "lock"
#define FILES_NAME_SIZE 32

struct files {
	char *dir; /* as the caller gave it */
	int fd; /* of the directory; -1 */
	mode_t forbidden_mode; /* of the directory and what is opened in it */
	struct buf detail;
};

int files_init(struct files *f, const char *dir); /* 0 or -1 no memory */
void files_fini(struct files *f);

/* Sets detail to "DIR/NAME: ..." (name NULL: DIR itself); returns err. */
enum store_err files_fail(struct files *f, const char *name, enum store_err err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same for errno, which is named. doing: "cannot read" or the like. */
enum store_err
files_fail_errno(struct files *f, const char *name, const char *doing);

/*
 * Opens the directory if it is not, or if the path now leads to another one:
 * *has_changed (may be NULL) then.
 */
enum store_err files_open_dir(struct files *f, bool *has_changed);

/*
 * Opens an existing regular file that has no bit of f->forbidden_mode. flags:
 * O_RDONLY or O_RDWR.
 */
enum store_err
files_open(struct files *f, const char *name, int flags, int *fd);

/*
 * A new file; one of that name is removed before. Owner (as root) and group
 * (where permitted) are the directory's, the mode is its mode & mask.
 */
enum store_err
files_create(struct files *f, const char *name, mode_t mask, int *fd);

/*
 * Like files_open O_RDWR, but makes the lock file if it is missing. Its mode
 * gives the group nothing unless the group may write: whoever can read it
 * could hold a lock against the writers.
 */
enum store_err files_open_lock(struct files *f, int *fd);

/*
 * A directory just made and opened: the owner (as root) and group (where
 * permitted) of the one above, and that mode.
 */
enum store_err files_dress_dir(struct files *f, mode_t mode);

/* Is the file behind fd the one of that name still? */
bool files_is_current(const struct files *f, const char *name, int fd);

enum store_err files_sync_dir(struct files *f);
enum store_err files_remove(struct files *f, const char *name);

/* journal.GENERATION */
void files_journal_name(uint64_t generation, char out[static FILES_NAME_SIZE]);

/* The generations of all journals there, in no order; freed by the caller. */
enum store_err files_journals(struct files *f, uint64_t **out, size_t *n);

/* What tells one state of a file from another while it is held open. */
struct files_id {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};
struct files_id files_id(const struct stat *st);
bool files_id_equal(const struct files_id *a, const struct files_id *b);

#endif
