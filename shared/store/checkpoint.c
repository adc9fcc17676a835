/*
 * Making generations: an empty first one, or the next one of what is live.
 * The rename of the base is the only step that counts. Whatever a kill leaves
 * behind before it (base.new, a journal that no base fits) or after it (the
 * old journal) is never read, and removed by the next checkpoint.
 */
#include "store/checkpoint.h"

#include "base/file.h"
#include "base/log.h"
#include "store/lock.h"
#include "store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREATE_WAIT_MS 10000

enum store_err
checkpoint_begin(struct files *f, struct base_builder **out)
{
	int fd;
	*out = NULL;
	enum store_err err = files_create(f, FILES_BASE_NEW, 0660, &fd);
	if (err != STORE_OK)
		return err;
	err = base_build_begin(fd, out);
	if (err != STORE_OK) {
		unlinkat(f->fd, FILES_BASE_NEW, 0);
		return files_fail(f, FILES_BASE_NEW, err, "cannot write: %s",
		    base_strerror());
	}
	return STORE_OK;
}

static enum store_err
make_journal(struct files *f, const struct journal_header *h)
{
	char name[FILES_NAME_SIZE];
	uint8_t bytes[JOURNAL_HEADER_SIZE];
	int fd;
	files_journal_name(h->generation, name);
	journal_header_encode(h, bytes);
	/* One from a killed checkpoint may be there; nobody reads it. */
	enum store_err err = files_create(f, name, 0660, &fd);
	if (err != STORE_OK)
		return err;
	if (file_write_all(fd, bytes, sizeof(bytes)) == -1 || fsync(fd) == -1)
		err = files_fail_errno(f, name, "cannot write");
	close(fd);
	return err;
}

enum store_err
checkpoint_prepare(struct files *f, struct base_builder *b, uint64_t generation)
{
	struct journal_header h = {.generation = generation};
	enum store_err err =
	    base_build_finish(b, generation, &h.base_crc, &h.base_bytes);
	if (err != STORE_OK)
		return files_fail(f, FILES_BASE_NEW, err, "cannot write: %s",
		    base_strerror());
	err = make_journal(f, &h);
	return err == STORE_OK ? files_sync_dir(f) : err;
}

enum store_err
checkpoint_install(struct files *f, bool *is_done)
{
	*is_done = false;
	if (renameat(f->fd, FILES_BASE_NEW, f->fd, FILES_BASE) == -1)
		return files_fail_errno(f, FILES_BASE, "cannot replace");
	*is_done = true;
	return files_sync_dir(f);
}

void
checkpoint_undo(struct files *f, uint64_t generation)
{
	char name[FILES_NAME_SIZE];
	files_journal_name(generation, name);
	unlinkat(f->fd, FILES_BASE_NEW, 0);
	unlinkat(f->fd, name, 0);
}

/* --- creating --------------------------------------------------------- */

static enum store_err
make_dir(struct files *f, unsigned mode)
{
	if (mkdir(f->dir, mode & 0777) == -1)
		return errno == EEXIST
		    ? files_open_dir(f, NULL)
		    : files_fail_errno(f, NULL, "cannot create");
	enum store_err err = files_open_dir(f, NULL);
	if (err == STORE_OK)
		err = files_dress_dir(f, mode);
	if (err != STORE_OK)
		return err;
	char *copy = strdup(f->dir);
	if (copy == NULL)
		return STORE_NOMEM;
	if (file_sync_dir(dirname(copy)) == -1)
		err = files_fail_errno(f, NULL, "cannot sync its directory");
	free(copy);
	return err;
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
create_first(struct files *f)
{
	struct stat st;
	struct base_builder *b;
	bool is_done;
	if (fstatat(f->fd, FILES_BASE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return STORE_OK;
	enum store_err err = check_empty(f);
	if (err == STORE_OK)
		err = checkpoint_begin(f, &b);
	if (err != STORE_OK)
		return err;
	err = checkpoint_prepare(f, b, 1);
	if (err == STORE_OK)
		err = checkpoint_install(f, &is_done);
	return err;
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
		err = files_open_lock(&f, &lock);
	if (err != STORE_OK)
		goto end;
	if (lock_take(lock, LOCK_WRITER, CREATE_WAIT_MS) != 0)
		err = files_fail(&f, FILES_LOCK, STORE_BUSY,
		    "another process holds the lock; try again");
	else
		err = create_first(&f);
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

/* --- the next generation ---------------------------------------------- */

struct copy {
	struct base_builder *builder;
	store_drop *drop;
	void *arg;
	enum store_err err;
};

static int
copy_record(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct copy *c = arg;
	if (c->drop != NULL && c->drop(c->arg, key, key_len, value, value_len))
		return 0;
	c->err = base_build_put(c->builder, key, key_len, value, value_len);
	return c->err != STORE_OK;
}

/* What the journal got while the copy was made, records above from. */
static enum store_err
copy_tail(struct store *s, struct copy *c, uint64_t from)
{
	const struct overlay_entry *cursor = NULL;
	struct overlay_item item;
	while (overlay_next(&s->view.overlay, &cursor, &item)) {
		if (item.at <= from)
			continue;
		enum store_err err =
		    base_build_del(c->builder, item.key, item.key_len);
		if (err != STORE_OK && err != STORE_NOTFOUND)
			return err;
		if (item.value != NULL &&
		    copy_record(c, item.key, item.key_len, item.value,
			item.value_len) != 0)
			return c->err;
	}
	return STORE_OK;
}

static enum store_err
build_failed(struct store *s, enum store_err err)
{
	return files_fail(&s->files, FILES_BASE_NEW, err, "cannot write: %s",
	    base_strerror());
}

static enum store_err
seal(struct store *s)
{
	enum store_err err = STORE_NOMEM;
	struct buf b = BUF_INIT;
	if (journal_record_begin(&b) == 0 && journal_seal(&b) == 0)
		err = impl_append(s, &b);
	buf_fini(&b);
	return err;
}

/* All journals but the one in use. */
static void
remove_old(struct store *s)
{
	uint64_t *generations;
	size_t n;
	if (files_journals(&s->files, &generations, &n) != STORE_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		char name[FILES_NAME_SIZE];
		files_journal_name(generations[i], name);
		if (generations[i] != s->view.generation &&
		    files_remove(&s->files, name) != STORE_OK)
			log_warn("store: %s", store_detail(s));
	}
	free(generations);
}

/* Under C and W; the builder, complete, is consumed. */
static enum store_err
replace_base(struct store *s, struct base_builder *b, uint64_t generation)
{
	bool is_done = false;
	enum store_err err = checkpoint_prepare(&s->files, b, generation);
	if (err == STORE_OK)
		err = seal(s);
	if (err == STORE_OK)
		err = checkpoint_install(&s->files, &is_done);
	if (!is_done) {
		checkpoint_undo(&s->files, generation);
		return err;
	}
	if (err != STORE_OK) {
		log_err("store: %s: the new base may be lost at a power "
			"failure; the old journal is kept",
		    store_detail(s));
		return err;
	}
	err = impl_refresh(s, true);
	if (err == STORE_OK)
		remove_old(s);
	return err;
}

/* The part under C. */
static enum store_err
checkpoint(struct store *s, struct copy *c)
{
	enum store_err err = checkpoint_begin(&s->files, &c->builder);
	if (err != STORE_OK)
		return err;
	int lock = s->lock;
	uint64_t generation = s->view.generation + 1;
	uint64_t from = s->view.pos;
	err = view_each(&s->view, NULL, copy_record, c);
	if (err == STORE_OK)
		err = c->err;
	if (err == STORE_OK)
		err = base_build_flush(c->builder);
	if (err != STORE_OK)
		build_failed(s, err);
	else
		err = impl_lock(s, LOCK_WRITER, s->lock_wait_ms);
	if (err != STORE_OK)
		goto abort;
	if (s->view.generation + 1 == generation && s->lock == lock) {
		err = copy_tail(s, c, from);
		if (err == STORE_OK) {
			err = replace_base(s, c->builder, generation);
			impl_unlock(s, LOCK_WRITER);
			return err;
		}
		build_failed(s, err);
		impl_unlock(s, LOCK_WRITER);
		goto abort;
	}
	/* Not by a checkpoint, for C is ours: files were put here by hand. */
	err = files_fail(&s->files, FILES_BASE, STORE_BUSY,
	    "was replaced during a checkpoint; try again");
	impl_unlock(s, LOCK_WRITER);
abort:
	base_build_abort(c->builder);
	unlinkat(s->files.fd, FILES_BASE_NEW, 0);
	return err;
}

enum store_err
store_checkpoint(struct store *s, store_drop *drop, void *arg)
{
	struct copy c = {.drop = drop, .arg = arg};
	if (s->is_in_txn)
		return STORE_INVALID;
	if (!s->is_writer || s->is_broken)
		return STORE_READONLY;
	enum store_err err = impl_lock(s, LOCK_CHECKPOINT, 0);
	if (err != STORE_OK)
		return err;
	err = checkpoint(s, &c);
	impl_unlock(s, LOCK_CHECKPOINT);
	return err;
}

/* --- other content ---------------------------------------------------- */

enum store_err
store_add(struct store_content *c, const void *key, size_t key_len,
    const void *value, size_t value_len)
{
	if (c->err != STORE_OK)
		return c->err;
	if (!impl_is_key(key, key_len) || value_len > STORE_VALUE_MAX) {
		c->err = files_fail(&c->store->files, FILES_BASE_NEW,
		    STORE_INVALID, "no store has such a key or value");
		return c->err;
	}
	c->err = base_build_put(c->builder, key, key_len, value, value_len);
	if (c->err != STORE_OK)
		build_failed(c->store, c->err);
	return c->err;
}

enum store_err
impl_build(
    struct store *s, store_fill *fill, void *arg, struct base_builder **out)
{
	struct store_content c = {.store = s};
	*out = NULL;
	enum store_err err = checkpoint_begin(&s->files, &c.builder);
	if (err != STORE_OK)
		return err;
	err = fill == NULL ? STORE_OK : fill(arg, &c);
	if (c.err != STORE_OK)
		err = c.err;
	else if (err != STORE_OK)
		files_fail(&s->files, FILES_BASE_NEW, err, "given up: %s",
		    store_strerror(err));
	if (err == STORE_OK) {
		*out = c.builder;
		return STORE_OK;
	}
	base_build_abort(c.builder);
	unlinkat(s->files.fd, FILES_BASE_NEW, 0);
	return err;
}

/* The part under C and W. */
static enum store_err
replace(struct store *s, store_fill *fill, void *arg)
{
	struct base_builder *b;
	uint64_t generation = s->view.generation + 1;
	enum store_err err = impl_build(s, fill, arg, &b);
	if (err != STORE_OK)
		return err;
	if (s->view.generation + 1 == generation)
		return replace_base(s, b, generation);
	base_build_abort(b);
	unlinkat(s->files.fd, FILES_BASE_NEW, 0);
	return files_fail(&s->files, FILES_BASE, STORE_BUSY,
	    "was replaced by other hands; try again");
}

enum store_err
store_replace(struct store *s, store_fill *fill, void *arg)
{
	if (s->is_in_txn)
		return STORE_INVALID;
	if (!s->is_writer || s->is_broken)
		return STORE_READONLY;
	enum store_err err = impl_lock(s, LOCK_CHECKPOINT, s->lock_wait_ms);
	if (err != STORE_OK)
		return err;
	err = impl_lock(s, LOCK_WRITER, s->lock_wait_ms);
	if (err == STORE_OK) {
		err = replace(s, fill, arg);
		impl_unlock(s, LOCK_WRITER);
	}
	impl_unlock(s, LOCK_CHECKPOINT);
	return err;
}
