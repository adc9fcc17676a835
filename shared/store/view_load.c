/*
 * Finding the generation that stands now.
 *
 * Which journal belongs to a base is told by the journal: its header carries
 * the base's size and checksum. So the base is proven whole before gdbm sees
 * it, and a journal left over from a checkpoint that was killed before its
 * rename fits no base and is never read.
 */
#include "store/view.h"

#include "store/view_impl.h"

#include "base/format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_TRIES 100

/* Why none of the journals is the one: the most telling reason stays. */
struct search {
	enum store_err err;
	int rank;
	char name[FILES_NAME_SIZE];
	const char *words;
	struct buf version; /* words on another version */
};

static void
note(struct search *s, int rank, enum store_err err, const char *name,
    const char *words)
{
	if (rank < s->rank)
		return;
	s->rank = rank;
	s->err = err;
	s->words = words;
	memcpy(s->name, name, strnlen(name, sizeof(s->name) - 1) + 1);
}

/* Whether journal.generation goes on from a base of that checksum. */
static bool
try_journal(struct view *v, struct files *f, bool is_writer,
    uint64_t generation, uint32_t crc, uint64_t bytes, struct search *s)
{
	char name[FILES_NAME_SIZE];
	files_journal_name(generation, name);
	int fd;
	enum store_err err =
	    files_open(f, name, is_writer ? O_RDWR : O_RDONLY, &fd);
	if (err == STORE_MISSING)
		return false; /* removed since the directory was listed */
	if (err != STORE_OK) {
		note(s, 4, err, name, NULL);
		return false;
	}
	v->journal = fd;
	v->generation = generation;
	struct journal_header h = {0};
	enum journal_err jerr = JOURNAL_SHORT;
	int rc = view_read(v, JOURNAL_HEADER_SIZE, 0);
	if (rc == 0)
		jerr =
		    journal_header_decode(v->scratch.data, v->scratch.len, &h);
	if (rc == -1) {
		note(s, 4, errno == ENOMEM ? STORE_NOMEM : STORE_IO, name,
		    "cannot be read");
	} else if (jerr == JOURNAL_VERSION) {
		buf_reset(&s->version);
		format_refuse(&s->version, h.version, JOURNAL_VERSION_OURS,
		    "make a backup with that one (gatecast store backup), "
		    "move the directory away and restore the backup with "
		    "this one");
		note(s, 3, STORE_VERSION, name, buf_str(&s->version));
	} else if (jerr != JOURNAL_OK || h.generation != generation)
		note(s, 2, STORE_CORRUPT, name,
		    "its header is damaged" VIEW_RESTORE);
	else if (h.base_crc != crc || h.base_bytes != bytes)
		note(s, 1, STORE_CORRUPT, FILES_BASE,
		    "damaged, or not the one its journal goes on "
		    "from" VIEW_RESTORE);
	else {
		v->durable = h.carried;
		return true;
	}
	close(fd);
	v->journal = -1;
	return false;
}

static enum store_err
find_journal(struct view *v, struct files *f, bool is_writer, uint32_t crc,
    uint64_t bytes)
{
	uint64_t *generations;
	size_t n;
	struct search s = {.err = STORE_CORRUPT, .version = BUF_INIT};
	note(&s, 0, STORE_CORRUPT, FILES_BASE,
	    "its journal is missing" VIEW_RESTORE);
	enum store_err err = files_journals(f, &generations, &n);
	if (err != STORE_OK)
		return err;
	bool is_found = false;
	for (size_t i = 0; i < n && !is_found; i++)
		is_found = try_journal(
		    v, f, is_writer, generations[i], crc, bytes, &s);
	free(generations);
	if (is_found) {
		err = STORE_OK;
	} else if (s.words == NULL) { /* why it could not be opened, again */
		int fd;
		if (files_open(f, s.name, is_writer ? O_RDWR : O_RDONLY, &fd) ==
		    STORE_OK)
			close(fd);
		err = s.err;
	} else {
		err = files_fail(f, s.name, s.err, "%s", s.words);
	}
	buf_fini(&s.version);
	return err;
}

static enum store_err
open_base(struct files *f, int *fd, struct stat *st)
{
	enum store_err err = files_open(f, FILES_BASE, O_RDONLY, fd);
	if (err == STORE_MISSING) {
		uint64_t *generations;
		size_t n = 0;
		if (files_journals(f, &generations, &n) == STORE_OK)
			free(generations);
		if (n > 0)
			return files_fail(f, FILES_BASE, STORE_CORRUPT,
			    "missing beside its journal" VIEW_RESTORE);
		return files_fail(f, FILES_BASE, STORE_MISSING,
		    "there is no store here; check store.dir, or make it by "
		    "adding a user");
	}
	if (err == STORE_OK && fstat(*fd, st) == -1) {
		err = files_fail_errno(f, FILES_BASE, "cannot stat");
		close(*fd);
		*fd = -1;
	}
	return err;
}

/*
 * Checksum and size. Who made the base has read it back, and it is the file
 * that was written then: to those who saw that said, it needs no second look.
 */
static int
check_base(int fd, const struct stat *st, const struct journal_next *next,
    uint32_t *crc, uint64_t *bytes)
{
	struct files_id id = files_id(st);
	if (next == NULL || id.ino != next->inode ||
	    id.mtime_ns != next->mtime_ns || id.size != next->base_bytes)
		return base_checksum(fd, crc, bytes);
	*crc = next->base_crc;
	*bytes = next->base_bytes;
	return 0;
}

/* One attempt. v->base_id is the base that was opened, if one was. */
static enum store_err
load_once(struct view *v, struct files *f, bool is_writer,
    const struct journal_next *next, bool *has_base)
{
	int fd;
	struct stat st;
	uint32_t crc;
	uint64_t bytes, generation;
	*has_base = false;
	enum store_err err = open_base(f, &fd, &st);
	if (err != STORE_OK)
		return err;
	*has_base = true;
	v->base_id = files_id(&st);
	if (check_base(fd, &st, next, &crc, &bytes) == -1) {
		err = files_fail_errno(f, FILES_BASE, "cannot read");
		close(fd);
		return err;
	}
	err = find_journal(v, f, is_writer, crc, bytes);
	if (err != STORE_OK) {
		close(fd);
		return err;
	}
	err = base_open(fd, &v->base, &generation);
	/* Its checksum is right. */
	if (err == STORE_CORRUPT)
		return files_fail(f, FILES_BASE, err,
		    "whole, but not a file of this machine's gdbm (%s); if "
		    "one of another word size or byte order wrote it, make a "
		    "backup there" VIEW_RESTORE,
		    base_strerror());
	if (err != STORE_OK)
		return files_fail(f, FILES_BASE, err,
		    "cannot be opened (%s)" VIEW_RESTORE, base_strerror());
	if (generation != v->generation) {
		base_close(v->base);
		v->base = NULL;
		return files_fail(f, FILES_BASE, STORE_CORRUPT,
		    "of generation %" PRIu64
		    ", its journal of %" PRIu64 VIEW_RESTORE,
		    generation, v->generation);
	}
	v->pos = JOURNAL_HEADER_SIZE;
	if (fstat(v->journal, &st) == -1)
		return files_fail_errno(f, view_journal_name(v), "cannot stat");
	uint64_t carried = v->durable;
	err = view_catch_up(v, f, (uint64_t)st.st_size, NULL, NULL);
	if (err == STORE_OK && v->pos < carried)
		err = files_fail(f, view_journal_name(v), STORE_CORRUPT,
		    "damaged at byte %" PRIu64 ", before what was there from "
		    "its beginning" VIEW_RESTORE,
		    v->pos);
	return err;
}

enum store_err
view_load(struct view *v, struct files *f, bool is_writer,
    const struct journal_next *next)
{
	for (int tries = 0; tries < LOAD_TRIES; tries++) {
		struct stat st;
		bool has_base;
		view_fini(v);
		enum store_err err = files_open_dir(f, NULL);
		if (err != STORE_OK)
			return err;
		err = load_once(v, f, is_writer, next, &has_base);
		if (!has_base)
			return err;
		/* Only what is said of the present base counts. */
		if (fstatat(f->fd, FILES_BASE, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		struct files_id now = files_id(&st);
		if (!files_id_equal(&now, &v->base_id))
			continue;
		if (err != STORE_OK)
			view_fini(v);
		return err;
	}
	view_fini(v);
	return files_fail(
	    f, FILES_BASE, STORE_IO, "changes faster than it can be read");
}
