/*
 * The next file: written beside, synced, renamed over. A kill at any point
 * leaves a whole one of that name, the old or the new; or none, after one
 * that was damaged, which is kept aside first.
 */
#include "wsd/history_impl.h"

#include "base/log.h"
#include "store/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The header comes last: until then it is no journal. */
static int
write_header(const struct history_file *f)
{
	uint8_t bytes[JOURNAL_HEADER_SIZE];
	const struct journal_header header = {
	    .generation = f->generation,
	    .carried = f->carried,
	};

	journal_header_encode(&header, bytes);
	errno = EIO; /* when it was short */
	return pwrite(f->fd, bytes, sizeof(bytes), 0) == sizeof(bytes) ? 0 : -1;
}

static enum store_err
write_next(struct history *h, history_fill *fill, void *arg)
{
	struct files *files = &h->files;
	struct history_file *f = &h->next;

	h->has_next_failed = false;
	f->generation = h->file.generation + 1;
	f->offset = JOURNAL_HEADER_SIZE;
	enum store_err err =
	    files_create(files, HISTORY_FILE_NEW, 0600, &f->fd);
	if (err != STORE_OK)
		return err;
	errno = ENOMEM;
	fill(arg, h);
	if (h->has_next_failed ||
	    (h->pending.len > 0 && history_write(h, f, false) == -1))
		return files_fail_errno(
		    files, HISTORY_FILE_NEW, "cannot write");
	f->carried = f->offset;
	if (write_header(f) == -1 || history_sync(h, f) == -1)
		return files_fail_errno(
		    files, HISTORY_FILE_NEW, "cannot write");
	return STORE_OK;
}

static enum store_err
keep_aside(struct history *h)
{
	char name[FILES_NAME_SIZE];

	snprintf(
	    name, sizeof(name), "damaged.%" PRId64, clock_wall_ms(h->clock));
	if (renameat(h->files.fd, HISTORY_FILE, h->files.fd, name) == -1 &&
	    errno != ENOENT)
		return files_fail_errno(
		    &h->files, HISTORY_FILE, "cannot move it aside");
	h->must_keep_aside = false;
	return STORE_OK;
}

/* *is_in_place: also where it failed behind that. */
static enum store_err
put_in_place(struct history *h, bool *is_in_place)
{
	struct files *files = &h->files;

	if (h->must_keep_aside) {
		enum store_err err = keep_aside(h);
		if (err != STORE_OK)
			return err;
	}
	if (renameat(files->fd, HISTORY_FILE_NEW, files->fd, HISTORY_FILE) ==
	    -1)
		return files_fail_errno(files, HISTORY_FILE, "cannot replace");
	/*
	 * From here on it is the one that a start would find; after a power
	 * loss perhaps not, until the directory is synced.
	 */
	*is_in_place = true;
	if (h->file.fd != -1)
		close(h->file.fd);
	h->file = h->next;
	h->next.fd = -1;
	h->was_synced = true;
	h->begun_ms = h->tried_ms;
	return files_sync_dir(files);
}

int
history_renew(struct history *h, history_fill *fill, void *arg)
{
	bool was_failing = h->is_failing;
	bool is_in_place = false;

	h->tried_ms = clock_mono_ms(h->clock);
	enum store_err err = write_next(h, fill, arg);
	if (err == STORE_OK)
		err = put_in_place(h, &is_in_place);
	buf_reset(&h->pending);
	if (err != STORE_OK) {
		h->stats.errors++;
		/* The old one still takes what is said, unless that failed. */
		h->is_failing = was_failing || h->file.fd == -1 || is_in_place;
		if (!h->has_told)
			log_err("%s; tried again%s", buf_str(&h->files.detail),
			    h->is_failing ? ", until then nobody can say "
					    "anything"
					  : "");
		h->has_told = true;
		if (h->next.fd != -1) {
			close(h->next.fd);
			h->next.fd = -1;
			files_remove(&h->files, HISTORY_FILE_NEW);
		}
		return -1;
	}
	if (h->has_told)
		log_notice("%s/%s: mended", h->files.dir, HISTORY_FILE);
	h->stats.renewals++;
	h->has_told = false;
	h->is_failing = false;
	return 0;
}
