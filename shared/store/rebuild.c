/*
 * A store made anew in the place of one that cannot be read, for `gatecast
 * store restore`. There is no journal to seal: a process that still reads
 * what it had open looks at the base by name within 20 ms, and a writer
 * before each write.
 */
#include "base/clock.h"
#include "store/generation.h"
#include "store/lock.h"
#include "store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum store_err
take(struct store *s, off_t byte)
{
	int rc = lock_take(s->lock, byte, s->lock_wait_ms);
	if (rc == -1)
		return files_fail_errno(&s->files, FILES_LOCK, "cannot lock");
	if (rc == 1 || !files_is_current(&s->files, FILES_LOCK, s->lock))
		return files_fail(&s->files, FILES_LOCK, STORE_BUSY,
		    "another process holds the lock; try again");
	return STORE_OK;
}

/* A second name for what is about to be replaced or removed. */
static enum store_err
keep(struct files *f, const char *name, const char *time)
{
	char kept[FILES_NAME_SIZE + CLOCK_RFC3339_SIZE + 16];
	snprintf(kept, sizeof(kept), "%s.damaged-%s", name, time);
	if (linkat(f->fd, name, f->fd, kept, 0) == -1 && errno != ENOENT)
		return files_fail_errno(f, name, "cannot be kept aside");
	return STORE_OK;
}

/* g is ended, or gone. */
static enum store_err
replace_damaged(
    struct files *f, struct generation *g, const uint64_t *journals, size_t n)
{
	char name[FILES_NAME_SIZE], time[CLOCK_RFC3339_SIZE];
	enum store_err err = generation_finish(g);
	clock_format_rfc3339(clock_wall_ms(clock_system()), time);
	if (err == STORE_OK)
		err = keep(f, FILES_BASE, time);
	for (size_t i = 0; err == STORE_OK && i < n; i++) {
		files_journal_name(journals[i], name);
		err = keep(f, name, time);
	}
	/* A power loss must not keep the rename and forget these names. */
	if (err == STORE_OK)
		err = files_sync_dir(f);
	if (err == STORE_OK)
		err = generation_install(g);
	if (err != STORE_OK) {
		generation_undo(g);
		return err;
	}
	generation_end(g);
	err = files_sync_dir(f);
	for (size_t i = 0; err == STORE_OK && i < n; i++) {
		files_journal_name(journals[i], name);
		err = files_remove(f, name);
	}
	return err;
}

/* The part under C and W. */
static enum store_err
rebuild(struct store *s, store_fill *fill, void *arg)
{
	struct generation g;
	uint64_t *journals, number = 0;
	size_t n;
	enum store_err err = files_journals(&s->files, &journals, &n);
	if (err != STORE_OK)
		return err;
	for (size_t i = 0; i < n; i++)
		if (journals[i] > number)
			number = journals[i];
	err = impl_build(s, s->lock, number + 1, fill, arg, &g);
	if (err == STORE_OK)
		err = replace_damaged(&s->files, &g, journals, n);
	free(journals);
	return err;
}

enum store_err
store_rebuild(const char *dir, int lock_wait_ms, store_fill *fill, void *arg,
    struct buf *detail)
{
	struct store s = {.lock = -1, .lock_wait_ms = lock_wait_ms};
	enum store_err err = STORE_NOMEM;
	if (files_init(&s.files, dir) == 0)
		err = files_open_dir(&s.files, NULL);
	if (err == STORE_OK)
		err = files_open_lock(&s.files, &s.lock);
	if (err == STORE_OK)
		err = take(&s, LOCK_CHECKPOINT);
	if (err == STORE_OK)
		err = take(&s, LOCK_WRITER);
	if (err == STORE_OK)
		err = rebuild(&s, fill, arg);
	if (err != STORE_OK) {
		buf_reset(detail);
		buf_puts(detail,
		    s.files.detail.len > 0 ? store_detail(&s)
					   : store_strerror(err));
	}
	if (s.lock != -1)
		close(s.lock); /* ends its locks */
	files_fini(&s.files);
	return err;
}
