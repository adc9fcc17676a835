/*
 * A backup. The checksums of the frames are put right first, as far as the
 * frames hold together, so that what stands in them is reached; what was
 * taken to its end is written again and must be the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/backup.h"
#include "store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each record over its own bytes; seed is that of all but the first. */
static void
mend(struct buf *file, uint64_t seed)
{
	struct buf record = BUF_INIT;
	size_t at = 8;

	while (file->len > at + JOURNAL_FRAME_SIZE) {
		uint8_t *p = (uint8_t *)file->data + at;
		size_t n = p[0] | (size_t)p[1] << 8;
		if (p[2] != 0 || p[3] != 0 || n == 0 ||
		    n > file->len - at - JOURNAL_FRAME_SIZE)
			break;
		journal_record_begin(&record);
		buf_append(&record, p + JOURNAL_FRAME_SIZE, n);
		if (journal_record_finish(&record, at == 8 ? 0 : seed, at, 0) !=
		    0)
			break;
		memcpy(p, record.data, record.len);
		at += record.len;
	}
	buf_fini(&record);
}

static void
append(struct buf *out, int rc, const struct buf *piece)
{
	if (rc != 0 || buf_append(out, piece->data, piece->len) != 0)
		abort();
}

/* Reads; if it was taken, writes it again. */
static void
run(const struct buf *file)
{
	struct backup_reader r;
	struct backup_writer w;
	struct record_user user;
	struct buf again = BUF_INIT, piece = BUF_INIT;
	const char *value;
	size_t len;

	enum backup_err err = backup_open(&r, file->data, file->len);
	if (err == BACKUP_OK)
		append(&again, backup_put_first(&w, (int64_t)r.made_ms, &piece),
		    &piece);
	while (err == BACKUP_OK) {
		err = backup_next(&r, &value, &len, &user);
		if (err == BACKUP_OK)
			append(&again, backup_put_user(&w, value, len, &piece),
			    &piece);
	}
	if (err == BACKUP_END) {
		append(&again, backup_put_last(&w, &piece), &piece);
		if (again.len != file->len ||
		    memcmp(again.data, file->data, again.len) != 0)
			abort();
	}
	buf_fini(&piece);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf file = BUF_INIT;
	struct backup_reader r;

	if (buf_append(&file, data, size) != 0)
		return 0;
	run(&file);
	mend(&file, 0);
	if (backup_open(&r, file.data, file.len) == BACKUP_OK)
		mend(&file, r.made_ms);
	run(&file);
	buf_fini(&file);
	return 0;
}
