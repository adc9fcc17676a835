/*
 * The directory and the first generation, which is empty. Where something is
 * left of an earlier store it is not buried under a new one.
 */
#include "base/file.h"
#include "store/generation.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREATE_WAIT_MS 10000

static enum store_err
make_dir(struct files *f, unsigned mode)
{
	bool is_new = mkdir(f->dir, mode & 0777) == 0;
	if (!is_new && errno != EEXIST)
		return files_fail_errno(f, NULL, "cannot create");
	enum store_err err = files_open_dir(f, NULL);
	return err == STORE_OK && is_new ? files_dress_dir(f, mode) : err;
}

/*
 * Also of a directory that was there: whoever made it may have been killed
 * before this. Where the one above may not be read somebody else made it.
 */
static enum store_err
sync_name(struct files *f)
{
	if (file_sync_parent(f->dir) == 0 || errno == EACCES)
		return STORE_OK;
	return files_fail_errno(f, NULL, "cannot sync its directory");
}

/* Journals without a base are what is left of a store, not an empty place. */
static enum store_err
check_empty(struct files *f)
{
	uint64_t *generations;
	size_t n;
	enum store_err err = files_journals(f, &generations, &n);
	for (size_t i = 0; err == STORE_OK && i < n; i++) {
		struct stat st;
		char name[FILES_NAME_SIZE];
		files_journal_name(generations[i], name);
		if (generations[i] != 1 ||
		    (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_size > JOURNAL_HEADER_SIZE))
			err = files_fail(f, FILES_BASE, STORE_CORRUPT,
			    "missing beside its journal; restore from a "
			    "backup: gatecast store restore");
	}
	free(generations);
	return err;
}

static enum store_err
create_first(struct files *f, int lock)
{
	struct stat st;
	struct generation first;
	if (fstatat(f->fd, FILES_BASE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return STORE_OK;
	enum store_err err = check_empty(f);
	if (err == STORE_OK)
		err = generation_begin(&first, f, lock, 1);
	if (err != STORE_OK)
		return err;
	err = generation_finish(&first);
	if (err == STORE_OK)
		err = generation_install(&first);
	if (err != STORE_OK) {
		generation_undo(&first);
		return err;
	}
	generation_end(&first);
	return files_sync_dir(f);
}

enum store_err
store_create(const char *dir, unsigned mode, struct buf *detail)
{
	struct files f;
	int lock = -1;
	enum store_err err = STORE_NOMEM;
	if (files_init(&f, dir) == -1)
		goto end;
	err = make_dir(&f, mode);
	struct stat st;
	if (err == STORE_OK &&
	    fstatat(f.fd, FILES_BASE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		goto end; /* also for somebody who may only read */
	if (err == STORE_OK)
		err = sync_name(&f);
	if (err == STORE_OK)
		err = files_open_lock(&f, &lock);
	if (err != STORE_OK)
		goto end;
	if (lock_take(lock, LOCK_WRITER, CREATE_WAIT_MS) != 0)
		err = files_fail(&f, FILES_LOCK, STORE_BUSY,
		    "another process holds the lock; try again");
	else
		err = create_first(&f, lock);
end:
	if (err != STORE_OK && detail != NULL) {
		buf_reset(detail);
		buf_puts(detail,
		    f.detail.len > 0 ? buf_str(&f.detail)
				     : store_strerror(err));
	}
	if (lock != -1)
		close(lock);
	files_fini(&f);
	return err;
}
