/*
 * A turn is one record and one pwrite. When that fails, what it left is cut
 * off and the hub takes the turn back: nobody has seen it. Mending is
 * writing the whole file anew, which needs neither the failed descriptor
 * nor what the kernel thinks is on disk behind it.
 */
#include "wsd/history_impl.h"

#include "base/file.h"
#include "base/format.h"
#include "base/log.h"
#include "store/journal.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define LOCK_WAIT_MS 2000 /* for a predecessor that is being killed */
#define FORBIDDEN_MODE 0077
#define DEAD_MAX (UINT64_C(8) << 20) /* besides as much as is kept */
#define AGE_MIN_MS 60000
#define RETRY_MS 1000
#define RECORD_BYTES 262144 /* of a renewal */
#define MS_PER_S 1000

static const struct history_file no_file = {.fd = -1};

/* Of this run of the machine; where it cannot be told, all zero. */
static void
read_boot(char boot[static HISTORY_BOOT_BYTES])
{
	struct buf b = BUF_INIT;

	memset(boot, 0, HISTORY_BOOT_BYTES);
	if (file_read(BOOT_ID, 64, 0, &b) == FILE_OK &&
	    b.len >= HISTORY_BOOT_BYTES)
		memcpy(boot, b.data, HISTORY_BOOT_BYTES);
	else
		log_warn(BOOT_ID " cannot be read: without wsd.history_sync = "
				 "always each start begins a new epoch");
	buf_fini(&b);
}

static enum store_err
take_dir(struct history *h)
{
	struct files *f = &h->files;

	bool is_new = mkdir(f->dir, 0700) == 0;
	if (!is_new && errno != EEXIST)
		return files_fail_errno(f, NULL,
		    "cannot make the directory (wsd.history_dir; empty: "
		    "the history is kept in memory alone)");
	enum store_err err = files_open_dir(f, NULL);
	if (err == STORE_OK && is_new && file_sync_parent(f->dir) == -1)
		err = files_fail_errno(f, NULL, "cannot sync its directory");
	if (err == STORE_OK)
		err = files_open_lock(f, &h->lock_fd);
	if (err != STORE_OK)
		return err;
	switch (lock_take(h->lock_fd, LOCK_WRITER, LOCK_WAIT_MS)) {
	case 0:
		return STORE_OK;
	case 1:
		return files_fail(f, FILES_LOCK, STORE_BUSY,
		    "another wsd uses this directory; give each its own "
		    "wsd.history_dir");
	default:
		return files_fail_errno(f, FILES_LOCK, "cannot lock");
	}
}

/* Another version's is no damage, and is not to be put aside unasked. */
static enum store_err
check_version(struct history *h)
{
	struct journal_header header;
	struct buf why = BUF_INIT;
	enum store_err err = STORE_OK;

	if (journal_header_decode(h->loaded.data, h->loaded.len, &header) ==
	    JOURNAL_VERSION) {
		format_refuse(&why, header.version, JOURNAL_VERSION_OURS,
		    "nothing reads it any more");
		err = files_fail(&h->files, HISTORY_FILE, STORE_VERSION,
		    "%s; or move it away: then the history begins anew",
		    buf_str(&why));
	}
	buf_fini(&why);
	return err;
}

static enum store_err
read_file(struct history *h)
{
	int fd;
	enum store_err err = files_open(&h->files, HISTORY_FILE, O_RDONLY, &fd);

	if (err == STORE_MISSING)
		return STORE_OK;
	if (err != STORE_OK)
		return err;
	/* Empty is no journal either. */
	h->must_keep_aside = true;
	if (file_read_fd(fd, SIZE_MAX, &h->loaded) != FILE_OK)
		err = files_fail_errno(&h->files, HISTORY_FILE, "cannot read");
	else
		err = check_version(h);
	close(fd);
	return err;
}

struct history *
history_open(const struct history_opts *opts, struct buf *error)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h == NULL || files_init(&h->files, opts->dir) == -1) {
		free(h);
		buf_puts(error, "out of memory");
		return NULL;
	}
	h->clock = opts->clock;
	h->config = opts->config;
	h->lock_fd = -1;
	h->file = no_file;
	h->next = no_file;
	h->files.forbidden_mode = FORBIDDEN_MODE;
	if (opts->boot != NULL)
		memcpy(h->boot, opts->boot, HISTORY_BOOT_BYTES);
	else
		read_boot(h->boot);
	enum store_err err = take_dir(h);
	if (err == STORE_OK)
		err = read_file(h);
	if (err == STORE_OK)
		return h;
	buf_puts(error, buf_str(&h->files.detail));
	history_free(h);
	return NULL;
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	if (h->file.fd != -1)
		close(h->file.fd);
	if (h->lock_fd != -1)
		close(h->lock_fd);
	files_fini(&h->files);
	buf_fini(&h->pending);
	buf_fini(&h->loaded);
	free(h);
}

/* --- writing -------------------------------------------------------------- */

static bool
is_sync_wanted(const struct history *h)
{
	return h->config->wsd.history_sync == CONFIG_SYNC_ALWAYS;
}

void
history_add(struct history *h, const struct history_op *op)
{
	if (h->pending.len == 0) {
		journal_record_begin(&h->pending);
		h->is_pending_synced = is_sync_wanted(h);
		if (h->is_pending_synced)
			history_op_put(&h->pending,
			    &(struct history_op){.type = HISTORY_SYNCED});
	}
	history_op_put(&h->pending, op);
	if (h->next.fd != -1 && h->pending.len > RECORD_BYTES &&
	    history_write(h, &h->next, false) == -1)
		h->has_next_failed = true;
}

void
history_begin(struct history *h, uint64_t epoch, uint64_t seq)
{
	struct history_op op = {
	    .type = HISTORY_BEGIN,
	    .epoch = epoch,
	    .seq = seq,
	};

	memcpy(op.boot, h->boot, HISTORY_BOOT_BYTES);
	history_add(h, &op);
}

void
history_get_stats(const struct history *h, struct history_stats *out)
{
	*out = h->stats;
}

size_t
history_pending(const struct history *h)
{
	return h->pending.len;
}

bool
history_is_failing(const struct history *h)
{
	return h->is_failing;
}

static int
write_all(const struct history_file *f, const struct buf *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = pwrite(f->fd, b->data + done, b->len - done,
		    (off_t)(f->offset + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

/* Whole milliseconds: what a difference loses another one gains. */
int
history_sync(struct history *h, const struct history_file *f)
{
	int64_t begun_ms = clock_mono_ms(h->clock);
	int rc;
	do {
		rc = fdatasync(f->fd);
	} while (rc == -1 && errno == EINTR);
	int saved = errno;

	h->stats.syncs++;
	h->stats.sync_ms += (uint64_t)(clock_mono_ms(h->clock) - begun_ms);
	errno = saved;
	return rc;
}

int
history_write(struct history *h, struct history_file *f, bool has_to_sync)
{
	struct buf *b = &h->pending;
	int rc = 0;

	if (journal_record_finish(b, f->generation, f->offset, f->offset) ==
	    -1) {
		errno = ENOMEM;
		rc = -1;
	} else if (write_all(f, b) == -1 ||
	    (has_to_sync && history_sync(h, f) == -1)) {
		rc = -1;
	} else {
		f->offset += b->len;
		h->stats.writes++;
		h->stats.bytes += b->len;
	}
	buf_reset(b);
	return rc;
}

/* What a failed write left must not come back after a kill. */
static void
fail(struct history *h)
{
	files_fail_errno(&h->files, HISTORY_FILE, "cannot write");
	log_err("%s; nobody can say anything until it is mended",
	    buf_str(&h->files.detail));
	h->stats.errors++;
	h->is_failing = true;
	h->has_told = true;
	if (ftruncate(h->file.fd, (off_t)h->file.offset) == -1)
		log_err_errno("%s/%s: cannot cut what was not acknowledged",
		    h->files.dir, HISTORY_FILE);
}

int
history_commit(struct history *h)
{
	if (h->pending.len == 0)
		return 0;
	if (h->is_failing) {
		buf_reset(&h->pending);
		return -1;
	}
	/* Of what was written after the last sync a power loss may take
	 * all: then the file must not look as if nothing had been. */
	bool is_synced = h->is_pending_synced;
	if (history_write(h, &h->file, is_synced || h->was_synced) == -1) {
		fail(h);
		return -1;
	}
	h->was_synced = is_synced;
	return 0;
}

bool
history_wants_renewal(const struct history *h)
{
	const struct history_file *f = &h->file;
	int64_t now_ms = clock_mono_ms(h->clock);
	int64_t age_ms = h->config->wsd.history_age_s * MS_PER_S;

	if (now_ms - h->tried_ms < RETRY_MS)
		return false;
	if (h->is_failing)
		return true;
	if (f->offset - f->carried > f->carried + DEAD_MAX)
		return true;
	if (age_ms > 0 && age_ms < AGE_MIN_MS)
		age_ms = AGE_MIN_MS;
	return age_ms > 0 && now_ms - h->begun_ms > age_ms;
}

void
history_stop(struct history *h)
{
	if (history_commit(h) == -1 || h->is_failing)
		return;
	history_add(h, &(struct history_op){.type = HISTORY_STOP});
	h->is_pending_synced = true;
	history_commit(h);
}
