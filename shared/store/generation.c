/*
 * The base is made and checked while others write; what they wrote meanwhile
 * is carried over into the new journal, so that what remains to be done under
 * the writers' lock is small however large the base is. Whatever a kill
 * leaves behind before the rename (base.new, a journal that no base fits) is
 * never read, and removed by the next checkpoint.
 */
#include "store/generation.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum store_err
build_failed(struct generation *g, enum store_err err)
{
	return files_fail(
	    g->files, FILES_BASE_NEW, err, "cannot write: %s", base_strerror());
}

static enum store_err
journal_failed(struct generation *g, const char *doing)
{
	char name[FILES_NAME_SIZE];
	files_journal_name(g->header.generation, name);
	return files_fail_errno(g->files, name, doing);
}

enum store_err
generation_begin(
    struct generation *g, struct files *f, int lock, uint64_t number)
{
	int fd;
	memset(g, 0, sizeof(*g));
	g->files = f;
	g->lock = lock;
	g->journal = -1;
	g->header.generation = number;
	g->pos = JOURNAL_HEADER_SIZE;
	enum store_err err = files_create(f, FILES_BASE_NEW, 0660, &fd);
	if (err != STORE_OK)
		return err;
	err = base_build_begin(fd, &g->builder);
	if (err != STORE_OK) {
		unlinkat(f->fd, FILES_BASE_NEW, 0);
		return build_failed(g, err);
	}
	return STORE_OK;
}

enum store_err
generation_check_lock(struct generation *g)
{
	if (files_is_current(g->files, FILES_LOCK, g->lock))
		return STORE_OK;
	return files_fail(g->files, FILES_LOCK, STORE_BUSY,
	    "was replaced by other hands meanwhile; try again");
}

static enum store_err
finish_base(struct generation *g)
{
	struct stat st;
	struct base_builder *b = g->builder;
	g->builder = NULL; /* consumed */
	enum store_err err = base_build_finish(b, g->header.generation,
	    &g->header.base_crc, &g->header.base_bytes);
	if (err != STORE_OK)
		return build_failed(g, err);
	if (fstatat(g->files->fd, FILES_BASE_NEW, &st, AT_SYMLINK_NOFOLLOW) ==
	    -1)
		return files_fail_errno(
		    g->files, FILES_BASE_NEW, "cannot stat");
	struct files_id id = files_id(&st);
	g->next = (struct journal_next){
	    .inode = id.ino,
	    .mtime_ns = id.mtime_ns,
	    .base_bytes = g->header.base_bytes,
	    .base_crc = g->header.base_crc,
	};
	return STORE_OK;
}

static enum store_err
sync_journal(struct generation *g)
{
	while (fdatasync(g->journal) == -1)
		if (errno != EINTR)
			return journal_failed(g, "cannot sync");
	return STORE_OK;
}

enum store_err
generation_finish(struct generation *g)
{
	char name[FILES_NAME_SIZE];
	uint8_t header[JOURNAL_HEADER_SIZE];
	enum store_err err = finish_base(g);
	if (err == STORE_OK)
		err = generation_check_lock(g);
	if (err != STORE_OK)
		return err;
	/* One from a killed checkpoint may be there; nobody reads it. */
	files_journal_name(g->header.generation, name);
	err = files_create(g->files, name, 0660, &g->journal);
	if (err != STORE_OK)
		return err;
	g->header.carried = g->pos;
	journal_header_encode(&g->header, header);
	if (file_write_all(g->journal, header, sizeof(header)) == -1)
		return journal_failed(g, "cannot write");
	err = sync_journal(g);
	return err == STORE_OK ? files_sync_dir(g->files) : err;
}

/* n bytes at offset, all of them. */
static int
read_all(int fd, void *bytes, size_t n, uint64_t offset)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(
		    fd, (char *)bytes + done, n - done, (off_t)(offset + done));
		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
	return 0;
}

/* Appends the record to out as one of g's; a seal is for the old journal. */
static int
convert(struct generation *g, const struct journal_record *r, struct buf *one,
    struct buf *out)
{
	struct journal_op op;
	const uint8_t *body = r->body;
	size_t n = r->body_len;
	if (journal_op_next(&body, &n, &op) == JOURNAL_OK &&
	    op.type == JOURNAL_SEAL)
		return 0;
	if (journal_record_begin(one) == -1 ||
	    buf_append(one, r->body, r->body_len) == -1 ||
	    journal_record_finish(one, g->header.generation, g->pos + out->len,
		g->header.carried) == -1)
		return -1;
	return buf_append(out, one->data, one->len);
}

enum store_err
generation_carry(
    struct generation *g, int fd, uint64_t number, uint64_t from, uint64_t to)
{
	struct buf in = BUF_INIT, one = BUF_INIT, out = BUF_INIT;
	enum store_err err = STORE_NOMEM;
	size_t n = (size_t)(to - from);
	if (buf_reserve(&in, n) == -1)
		goto end;
	if (read_all(fd, in.data, n, from) == -1) {
		err = journal_failed(g, "cannot read the one before it");
		goto end;
	}
	struct journal_record r;
	for (size_t at = 0; at < n; at += r.size) {
		if (journal_record_decode(in.data + at, n - at, number,
			from + at, &r) != JOURNAL_OK) {
			errno = EIO; /* it was whole a moment ago */
			err =
			    journal_failed(g, "cannot read the one before it");
			goto end;
		}
		if (convert(g, &r, &one, &out) == -1)
			goto end;
	}
	err = STORE_OK;
	if (out.len > 0 && file_write_all(g->journal, out.data, out.len) == -1)
		err = journal_failed(g, "cannot write");
	else
		g->pos += out.len;
end:
	buf_fini(&in);
	buf_fini(&one);
	buf_fini(&out);
	return err;
}

enum store_err
generation_sync(struct generation *g)
{
	uint8_t header[JOURNAL_HEADER_SIZE];
	if (g->header.carried == g->pos)
		return STORE_OK;
	g->header.carried = g->pos;
	journal_header_encode(&g->header, header);
	ssize_t n;
	do {
		n = pwrite(g->journal, header, sizeof(header), 0);
	} while (n == -1 && errno == EINTR);
	if (n == (ssize_t)sizeof(header))
		return sync_journal(g);
	if (n >= 0)
		errno = ENOSPC;
	return journal_failed(g, "cannot write");
}

enum store_err
generation_install(struct generation *g)
{
	if (renameat(g->files->fd, FILES_BASE_NEW, g->files->fd, FILES_BASE) ==
	    -1)
		return files_fail_errno(g->files, FILES_BASE, "cannot replace");
	return STORE_OK;
}

void
generation_undo(struct generation *g)
{
	char name[FILES_NAME_SIZE];
	files_journal_name(g->header.generation, name);
	unlinkat(g->files->fd, FILES_BASE_NEW, 0);
	/* Where the lock was replaced it may be another's, and in use. */
	if (g->journal != -1 && files_is_current(g->files, name, g->journal))
		unlinkat(g->files->fd, name, 0);
	generation_end(g);
}

void
generation_end(struct generation *g)
{
	base_build_abort(g->builder);
	g->builder = NULL;
	if (g->journal != -1)
		close(g->journal);
	g->journal = -1;
}
