/*
 * Transactions: the writer's lock, one record in one pwrite, and fdatasync
 * when the lock is free again, so that concurrent commits share one. See
 * DESIGN.md for the sequence and the table of failures.
 */
#include "base/log.h"
#include "store/lock.h"
#include "store/reserve.h"
#include "store/store_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define LOCK_TRIES 8
#define RESERVE_TRIES 3
#define RECORD_BYTES_KEPT ((size_t)1 << 20)

/* What is appended must be found by those who open the store afresh. */
static enum store_err
check_journal_name(struct store *s)
{
	char name[FILES_NAME_SIZE];
	files_journal_name(s->view.generation, name);
	if (files_is_current(&s->files, name, s->view.journal))
		return STORE_OK;
	return files_fail(&s->files, name, STORE_CORRUPT,
	    "was replaced while in use; restore from a backup: gatecast "
	    "store restore");
}

enum store_err
impl_lock(struct store *s, off_t byte, int wait_ms)
{
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		int rc = lock_take(s->lock, byte, wait_ms);
		if (rc == -1)
			return files_fail_errno(
			    &s->files, FILES_LOCK, "cannot lock");
		if (rc == 1)
			return files_fail(&s->files, FILES_LOCK, STORE_BUSY,
			    "another process holds the lock; try again");
		enum store_err err = impl_refresh(s, true);
		if (err == STORE_OK)
			err = check_journal_name(s);
		bool is_current = err == STORE_OK &&
		    files_is_current(&s->files, FILES_LOCK, s->lock);
		if (is_current)
			return STORE_OK;
		lock_release(s->lock, byte);
		if (err != STORE_OK)
			return err;
		int fd;
		err = files_open_lock(&s->files, &fd);
		if (err != STORE_OK)
			return err;
		close(s->lock);
		s->lock = fd;
	}
	return files_fail(
	    &s->files, FILES_LOCK, STORE_IO, "is replaced again and again");
}

void
impl_unlock(struct store *s, off_t byte)
{
	lock_release(s->lock, byte);
}

static void
end_txn(struct store *s)
{
	s->is_in_txn = false;
	overlay_fini(&s->pending);
	if (s->record.cap > RECORD_BYTES_KEPT)
		buf_fini(&s->record); /* was large for once */
	buf_reset(&s->record);
	impl_unlock(s, LOCK_WRITER);
}

enum store_err
store_begin(struct store *s)
{
	return store_begin_within(s, s->lock_wait_ms);
}

enum store_err
store_begin_within(struct store *s, int wait_ms)
{
	if (s->is_in_txn)
		return STORE_INVALID;
	if (!s->is_writer || s->is_broken)
		return STORE_READONLY;
	enum store_err err = impl_lock(s, LOCK_WRITER, wait_ms);
	if (err != STORE_OK)
		return err;
	if (s->is_broken) { /* found while taking up a new generation */
		impl_unlock(s, LOCK_WRITER);
		return STORE_READONLY;
	}
	s->is_in_txn = true;
	s->has_put = false;
	s->has_reserve = false;
	if (journal_record_begin(&s->record) == -1) {
		end_txn(s);
		return STORE_NOMEM;
	}
	return STORE_OK;
}

static enum store_err
change(struct store *s, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	if (!s->is_in_txn || !impl_is_key(key, key_len) ||
	    value_len > STORE_VALUE_MAX)
		return STORE_INVALID;
	size_t before = s->record.len;
	size_t size = value == NULL ? JOURNAL_DEL_SIZE(key_len)
				    : JOURNAL_PUT_SIZE(key_len, value_len);
	if (before + size > JOURNAL_FRAME_SIZE + JOURNAL_BODY_MAX)
		return STORE_INVALID;
	/* The record first: a failure after it takes it back. */
	int rc = value == NULL
	    ? journal_del(&s->record, key, key_len)
	    : journal_put(&s->record, key, key_len, value, value_len);
	if (rc == 0)
		rc = overlay_set(&s->pending, key, key_len, value, value_len);
	if (rc == -1) {
		s->record.has_failed = false;
		s->record.len = before;
		return STORE_NOMEM;
	}
	if (value != NULL)
		s->has_put = true;
	return STORE_OK;
}

enum store_err
store_put(struct store *s, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	return change(s, key, key_len, value_len == 0 ? "" : value, value_len);
}

enum store_err
store_del(struct store *s, const void *key, size_t key_len)
{
	return change(s, key, key_len, NULL, 0);
}

void
store_abort(struct store *s)
{
	if (s->is_in_txn)
		end_txn(s);
}

bool
store_may_checkpoint(struct store *s)
{
	if (!store_wants_checkpoint(s) ||
	    lock_is_held(s->lock, LOCK_CHECKPOINT) ||
	    store_begin_within(s, 0) != STORE_OK)
		return false;
	store_abort(s);
	return true;
}

void
store_use_reserve(struct store *s)
{
	s->has_reserve = true;
}

/* One pwrite; what came of a failed one is cut off again. */
static enum store_err
write_record(struct store *s, const struct buf *b)
{
	char name[FILES_NAME_SIZE];
	ssize_t n;
	files_journal_name(s->view.generation, name);
	do {
		n = pwrite(
		    s->view.journal, b->data, b->len, (off_t)s->view.pos);
	} while (n == -1 && errno == EINTR);
	if (n == (ssize_t)b->len)
		return STORE_OK;
	if (n >= 0)
		errno = ENOSPC; /* nothing else shortens a write to a file */
	enum store_err err = files_fail_errno(&s->files, name, "cannot write");
	/* Else a torn tail stays, which readers leave alone. */
	if (ftruncate(s->view.journal, (off_t)s->view.pos) == -1)
		log_warn_errno("store: %s/%s: cannot cut off an unfinished "
			       "record",
		    s->files.dir, name);
	return err;
}

enum store_err
impl_append(struct store *s, struct buf *b)
{
	struct view *v = &s->view;
	struct stat st;
	if (journal_record_finish(b, v->generation, v->pos, v->durable) == -1)
		return STORE_NOMEM;
	if (fstat(v->journal, &st) == -1)
		return files_fail_errno(&s->files, NULL, "cannot stat");
	if ((uint64_t)st.st_size != v->pos) {
		log_notice("store: %s: generation %" PRIu64
			   ": cutting off %" PRIu64
			   " bytes that a writer did not finish",
		    s->files.dir, v->generation, (uint64_t)st.st_size - v->pos);
		if (ftruncate(v->journal, (off_t)v->pos) == -1)
			return files_fail_errno(&s->files, NULL,
			    "cannot cut off an unfinished record");
	}
	enum store_err err = write_record(s, b);
	if (err != STORE_OK)
		return err;
	v->pos += b->len;
	s->is_unsynced = true;
	if (view_apply(v, (const uint8_t *)b->data + JOURNAL_FRAME_SIZE,
		b->len - JOURNAL_FRAME_SIZE, s->observe,
		s->observe_arg) != STORE_OK)
		s->is_loaded = false; /* published; memory comes later */
	return STORE_OK;
}

enum store_err
store_publish(struct store *s)
{
	enum store_err err = STORE_OK;
	if (!s->is_in_txn)
		return STORE_INVALID;
	if (s->record.len <= JOURNAL_FRAME_SIZE)
		goto end;
	bool is_free = !s->has_put || s->has_reserve;
	/* A reserve that was given up comes back before anything is put. */
	if (!is_free)
		err = reserve_ensure(&s->files, s->reserve_bytes);
	if (err != STORE_OK)
		goto end;
	err = impl_append(s, &s->record);
	for (int tries = 0; err == STORE_FULL && is_free &&
	     tries < RESERVE_TRIES && reserve_release(&s->files);
	     tries++) {
		log_warn("store: %s: no space; store.reserve_bytes is given "
			 "up so that what ends something succeeds",
		    s->files.dir);
		err = impl_append(s, &s->record);
	}
end:
	end_txn(s);
	return err;
}

enum store_err
store_sync(struct store *s)
{
	if (s->is_broken)
		return STORE_IO;
	if (!s->is_unsynced)
		return STORE_OK;
	if (!s->has_sync) {
		s->is_unsynced = false;
		return STORE_OK;
	}
	return impl_sync(s);
}

enum store_err
store_commit(struct store *s)
{
	enum store_err err = store_publish(s);
	return err == STORE_OK ? store_sync(s) : err;
}
