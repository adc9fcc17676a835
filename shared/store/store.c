/*
 * The store as its users see it: opening, catching up, reading (store_write.c
 * has the transactions). See DESIGN.md for the lock protocol and the table of
 * failures.
 *
 * The hot read asks for the journal's size and nothing else: before a
 * checkpoint renames a new base into place it seals the journal with a record,
 * so as long as the journal ends in no seal, the base is the one held. (lseek
 * tells the size in 0.16 microseconds, fstat in 0.4, lstat of the base by name
 * in 1.1.) What other hands than ours do to the directory is noticed every
 * RECHECK_MS.
 */
#include "store/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/store_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECHECK_MS 20
#define CHECKPOINT_BYTES_MIN ((uint64_t)256 << 10)
#define CHECKPOINT_BYTES_MAX ((uint64_t)4 << 20)

const char *
store_strerror(enum store_err err)
{
	static const char *const words[] = {
	    [STORE_OK] = "no error",
	    [STORE_NOTFOUND] = "no such record",
	    [STORE_MISSING] = "there is no store",
	    [STORE_CORRUPT] = "a file of the store is damaged",
	    [STORE_VERSION] = "the store is of another version of gatecast",
	    [STORE_DENIED] = "access to the store is denied",
	    [STORE_BUSY] = "another process holds the store's lock",
	    [STORE_FULL] = "no space for the store",
	    [STORE_READONLY] = "the store is open for reading only",
	    [STORE_IO] = "input/output error on the store",
	    [STORE_NOMEM] = "out of memory",
	    [STORE_INVALID] = "invalid use of the store",
	};
	return (size_t)err < sizeof(words) / sizeof(words[0]) ? words[err]
							      : "?";
}

const char *
store_detail(const struct store *s)
{
	return buf_str(&s->files.detail);
}

const char *
store_dir(const struct store *s)
{
	return s->files.dir;
}

bool
store_is_broken(const struct store *s)
{
	return s->is_broken;
}

void
store_set_observer(struct store *s, store_observe *fn, void *arg)
{
	s->observe = fn;
	s->observe_arg = arg;
}

/* --- durability ------------------------------------------------------- */

enum store_err
impl_sync(struct store *s)
{
	uint64_t end = s->view.pos;
	char name[FILES_NAME_SIZE];
	while (fdatasync(s->view.journal) == -1) {
		if (errno == EINTR)
			continue;
		s->is_broken = true;
		files_journal_name(s->view.generation, name);
		files_fail_errno(&s->files, name, "cannot sync");
		log_err("store: %s: what was written last may be lost; this "
			"process writes nothing more. Check the disk, run "
			"gatecast store checkpoint, then restart",
		    store_detail(s));
		return STORE_IO;
	}
	s->view.durable = end;
	s->is_unsynced = false;
	return STORE_OK;
}

/*
 * A writer that takes up a generation makes it durable before it builds on
 * it: records of writers that died before their fdatasync, and the rename of
 * a checkpointer that died before its fsync of the directory.
 */
static enum store_err
adopt(struct store *s)
{
	enum store_err err = impl_sync(s);
	if (err == STORE_OK) {
		err = files_sync_dir(&s->files);
		if (err != STORE_OK) {
			s->is_broken = true;
			log_err("store: %s: this process writes nothing more",
			    store_detail(s));
		}
	}
	return err;
}

/* --- catching up ------------------------------------------------------ */

static enum store_err
load(struct store *s)
{
	struct view fresh;
	view_init(&fresh);
	/*
	 * Published into the old journal, to be acknowledged later: that
	 * journal counts still if the new base's name is lost.
	 */
	if (s->view.journal != -1 && s->is_unsynced && s->has_sync)
		impl_sync(s);
	bool was_loaded = s->view.journal != -1;
	s->is_loaded = false;
	enum store_err err = view_load(&fresh, &s->files, s->is_writer,
	    s->view.is_sealed ? &s->view.next : NULL);
	if (err != STORE_OK) {
		view_fini(&fresh);
		return err;
	}
	view_fini(&s->view);
	s->view = fresh;
	s->is_loaded = true;
	s->looked_ms = clock_mono_ms(clock_system());
	if (was_loaded && s->observe != NULL)
		s->observe(s->observe_arg, NULL, 0, NULL, 0);
	/* A failure shows at the next write: reading goes on. */
	if (s->is_writer && s->has_sync && !s->is_broken)
		adopt(s);
	return STORE_OK;
}

/* Looks at the base by name. told: what the journal in hand has told. */
static enum store_err
look(struct store *s, const struct stat *journal, enum store_err told)
{
	struct stat st;
	if (lstat(s->base_path, &st) == -1) {
		if (errno != ENOENT && errno != ENOTDIR)
			return files_fail_errno(
			    &s->files, FILES_BASE, "cannot stat");
		return load(s); /* finds the words */
	}
	struct files_id now = files_id(&st);
	if (!files_id_equal(&now, &s->view.base_id))
		return load(s);
	s->looked_ms = clock_mono_ms(clock_system());
	if (told != STORE_OK)
		return told;
	char name[FILES_NAME_SIZE];
	files_journal_name(s->view.generation, name);
	if (journal->st_nlink == 0)
		return files_fail(&s->files, name, STORE_CORRUPT,
		    "was removed while in use; restore from a backup: "
		    "gatecast store restore");
	if ((uint64_t)journal->st_size < s->view.pos)
		return files_fail(&s->files, name, STORE_CORRUPT,
		    "is shorter than what was read from it before; restore "
		    "from a backup: gatecast store restore");
	return STORE_OK;
}

static bool
is_look_due(const struct store *s)
{
	return clock_mono_ms(clock_system()) - s->looked_ms >= RECHECK_MS;
}

enum store_err
impl_refresh(struct store *s, bool has_lock)
{
	struct stat st;
	if (!s->is_loaded)
		return load(s);
	if (!has_lock && !s->view.is_sealed &&
	    lseek(s->view.journal, 0, SEEK_END) == (off_t)s->view.pos &&
	    !is_look_due(s))
		return STORE_OK;
	if (fstat(s->view.journal, &st) == -1)
		return files_fail_errno(&s->files, NULL, "cannot stat");
	uint64_t size = (uint64_t)st.st_size;
	enum store_err err = STORE_OK;
	if (size > s->view.pos)
		err = view_catch_up(
		    &s->view, &s->files, size, s->observe, s->observe_arg);
	if (err == STORE_NOMEM) {
		s->is_loaded = false; /* half applied */
		return err;
	}
	if (err != STORE_OK || has_lock || size < s->view.pos ||
	    st.st_nlink == 0 || s->view.is_sealed || is_look_due(s))
		return look(s, &st, err);
	return STORE_OK;
}

enum store_err
store_refresh(struct store *s)
{
	/* In a transaction nobody else can have written. */
	return s->is_in_txn ? STORE_OK : impl_refresh(s, false);
}

/* --- opening ---------------------------------------------------------- */

enum store_err
store_open(
    const struct store_opts *opts, struct store **out, struct buf *detail)
{
	enum store_err err = STORE_NOMEM;
	*out = NULL;
	struct store *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return STORE_NOMEM;
	s->lock = -1;
	s->is_writer = opts->is_writer;
	s->has_sync = opts->has_sync;
	s->lock_wait_ms = opts->lock_wait_ms;
	s->reserve_bytes = opts->reserve_bytes;
	view_init(&s->view);
	overlay_init(&s->pending);
	buf_init(&s->record);
	if (files_init(&s->files, opts->dir) == -1)
		goto fail;
	s->files.forbidden_mode = opts->forbidden_mode;
	struct buf path = BUF_INIT;
	if (buf_printf(&path, "%s/" FILES_BASE, opts->dir) == -1) {
		buf_fini(&path);
		goto fail;
	}
	s->base_path = path.data;
	err = load(s);
	if (err == STORE_OK && s->is_writer)
		err = files_open_lock(&s->files, &s->lock);
	if (err == STORE_OK && s->is_broken)
		err = STORE_IO;
	if (err != STORE_OK)
		goto fail;
	*out = s;
	return STORE_OK;
fail:
	if (detail != NULL) {
		buf_reset(detail);
		buf_puts(detail,
		    err == STORE_NOMEM ? store_strerror(err) : store_detail(s));
	}
	store_close(s);
	return err;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	view_fini(&s->view);
	overlay_fini(&s->pending);
	buf_fini(&s->record);
	files_fini(&s->files);
	if (s->lock != -1)
		close(s->lock); /* ends its locks */
	free(s->base_path);
	free(s);
}

/* --- reading ---------------------------------------------------------- */

bool
impl_is_key(const void *key, size_t key_len)
{
	return key_len > 0 && key_len <= STORE_KEY_MAX &&
	    *(const char *)key != '!';
}

static bool
is_base_failure(enum store_err err)
{
	return err == STORE_CORRUPT || err == STORE_IO;
}

/* It was whole when it was opened: the next call looks at it afresh. */
static enum store_err
base_failed(struct store *s, enum store_err err)
{
	if (!s->is_in_txn)
		s->is_loaded = false;
	return files_fail(&s->files, FILES_BASE, err,
	    "cannot be read (%s); restore from a backup: gatecast store "
	    "restore",
	    base_strerror());
}

enum store_err
store_get(struct store *s, const void *key, size_t key_len, struct buf *value)
{
	struct overlay_item item;
	if (!impl_is_key(key, key_len))
		return STORE_INVALID;
	if (value != NULL)
		buf_reset(value);
	if (!s->is_in_txn) {
		enum store_err err = impl_refresh(s, false);
		if (err != STORE_OK)
			return err;
	} else if (overlay_find(&s->pending, key, key_len, &item)) {
		if (item.value == NULL)
			return STORE_NOTFOUND;
		if (value == NULL)
			return STORE_OK;
		return buf_append(value, item.value, item.value_len) == 0
		    ? STORE_OK
		    : STORE_NOMEM;
	}
	enum store_err err = view_get(&s->view, key, key_len, value);
	return is_base_failure(err) ? base_failed(s, err) : err;
}

enum store_err
store_each(struct store *s, store_visit *visit, void *arg)
{
	enum store_err err = store_refresh(s);
	if (err != STORE_OK)
		return err;
	err =
	    view_each(&s->view, s->is_in_txn ? &s->pending : NULL, visit, arg);
	return is_base_failure(err) ? base_failed(s, err) : err;
}

enum store_err
store_stats(struct store *s, struct store_stats *out)
{
	enum store_err err = store_refresh(s);
	if (err != STORE_OK)
		return err;
	memset(out, 0, sizeof(*out));
	out->generation = s->view.generation;
	out->base_bytes = (int64_t)s->view.base_id.size;
	out->journal_bytes = (int64_t)s->view.pos;
	out->records = base_count(s->view.base);
	const struct overlay_entry *cursor = NULL;
	struct overlay_item item;
	while (overlay_next(&s->view.overlay, &cursor, &item)) {
		err = base_get(s->view.base, item.key, item.key_len, NULL);
		if (err != STORE_OK && err != STORE_NOTFOUND)
			return is_base_failure(err) ? base_failed(s, err) : err;
		bool is_in_base = err == STORE_OK;
		if (item.value != NULL && !is_in_base)
			out->records++;
		else if (item.value == NULL && is_in_base)
			out->records--;
	}
	return STORE_OK;
}

bool
store_wants_checkpoint(const struct store *s)
{
	/*
	 * Half as large as the base, within limits: with what GDBM's index
	 * takes, the files stay below twice what is live.
	 */
	uint64_t limit = s->view.base_id.size / 2;
	if (limit < CHECKPOINT_BYTES_MIN)
		limit = CHECKPOINT_BYTES_MIN;
	if (limit > CHECKPOINT_BYTES_MAX)
		limit = CHECKPOINT_BYTES_MAX;
	return s->is_loaded && s->view.pos >= limit;
}
