/*
 * Loading and following a generation. There is no other recovery code: a
 * reader after a crash does what every reader does.
 *
 * Which journal belongs to a base is told by the journal: its header carries
 * the base's size and checksum. So the base is proven whole before gdbm sees
 * it, and a journal left over from a checkpoint that was killed before its
 * rename fits no base and is never read.
 */
#include "store/view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)
/* The longest record that could be damaged, and one behind it to prove it. */
#define TAIL_BYTES_MAX (2 * ((uint64_t)JOURNAL_FRAME_SIZE + JOURNAL_BODY_MAX))
#define SCRATCH_BYTES_KEPT ((size_t)1 << 20)
#define LOAD_TRIES 100
#define RESTORE "; restore from a backup: gatecast store restore"

void
view_init(struct view *v)
{
	memset(v, 0, sizeof(*v));
	v->journal = -1;
	overlay_init(&v->overlay);
	buf_init(&v->scratch);
}

void
view_fini(struct view *v)
{
	base_close(v->base);
	if (v->journal != -1)
		close(v->journal);
	overlay_fini(&v->overlay);
	buf_fini(&v->scratch);
	view_init(v);
}

/* Reads n bytes at offset into scratch; fewer at the end of the file. */
static int
read_scratch(struct view *v, size_t n, uint64_t offset)
{
	buf_reset(&v->scratch);
	if (buf_reserve(&v->scratch, n) == -1) {
		errno = ENOMEM;
		return -1;
	}
	while (v->scratch.len < n) {
		ssize_t got =
		    pread(v->journal, v->scratch.data + v->scratch.len,
			n - v->scratch.len, (off_t)(offset + v->scratch.len));
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -1;
		if (got == 0)
			break;
		v->scratch.len += (size_t)got;
	}
	return 0;
}

enum store_err
view_apply(
    struct view *v, const uint8_t *body, size_t n, store_observe *fn, void *arg)
{
	const uint8_t *rest = body;
	size_t left = n;
	struct journal_op op;
	enum journal_err jerr;
	/* Looked through before anything is done: all of them or none. */
	while ((jerr = journal_op_next(&rest, &left, &op)) == JOURNAL_OK)
		continue;
	if (jerr != JOURNAL_END)
		return STORE_CORRUPT;
	v->is_sealed = false;
	for (rest = body, left = n;
	     journal_op_next(&rest, &left, &op) == JOURNAL_OK;) {
		if (op.type == JOURNAL_SEAL) {
			v->is_sealed = true;
			v->next = op.next;
			continue;
		}
		const void *value = op.type == JOURNAL_PUT ? op.value : NULL;
		if (overlay_set(&v->overlay, op.key, op.key_len, value,
			op.value_len, v->pos) == -1)
			return STORE_NOMEM;
	}
	if (fn == NULL)
		return STORE_OK;
	for (rest = body, left = n;
	     journal_op_next(&rest, &left, &op) == JOURNAL_OK;)
		if (op.type != JOURNAL_SEAL)
			fn(arg, op.key, op.key_len,
			    op.type == JOURNAL_PUT ? op.value : NULL,
			    op.value_len);
	return STORE_OK;
}

static const char *
journal_name(const struct view *v)
{
	static _Thread_local char name[FILES_NAME_SIZE];
	files_journal_name(v->generation, name);
	return name;
}

/*
 * What stands at pos is no whole record. A tail that a writer did not finish
 * is left alone; damage to what once was durable is not. A reader may see a
 * tail being cut and written anew while it reads, so it asks twice.
 */
static enum store_err
judge_tail(struct view *v, struct files *f, uint64_t size)
{
	if (size == v->judged)
		return STORE_OK;
	for (int tries = 0; tries < 3; tries++) {
		struct journal_record r;
		uint64_t n = size - v->pos;
		if (n > TAIL_BYTES_MAX)
			n = TAIL_BYTES_MAX;
		if (read_scratch(v, (size_t)n, v->pos) == -1)
			return files_fail_errno(
			    f, journal_name(v), "cannot read");
		if (journal_record_decode(v->scratch.data, v->scratch.len,
			v->generation, v->pos, &r) == JOURNAL_OK ||
		    !journal_is_damaged(v->scratch.data, v->scratch.len,
			v->generation, v->pos)) {
			v->judged = size;
			return STORE_OK;
		}
	}
	return files_fail(f, journal_name(v), STORE_CORRUPT,
	    "damaged at byte %" PRIu64 " of %" PRIu64 RESTORE, v->pos, size);
}

static enum store_err
catch_up(struct view *v, struct files *f, uint64_t size, store_observe *fn,
    void *arg)
{
	size_t want = CHUNK_BYTES;
	while (v->pos < size) {
		uint64_t left = size - v->pos;
		size_t n = left < want ? (size_t)left : want;
		if (read_scratch(v, n, v->pos) == -1)
			return files_fail_errno(
			    f, journal_name(v), "cannot read");
		struct journal_record r = {0};
		enum journal_err jerr = JOURNAL_SHORT;
		size_t done = 0;
		while (done < v->scratch.len) {
			const uint8_t *p =
			    (const uint8_t *)v->scratch.data + done;
			jerr = journal_record_decode(p, v->scratch.len - done,
			    v->generation, v->pos, &r);
			if (jerr != JOURNAL_OK)
				break;
			v->pos += r.size;
			done += r.size;
			enum store_err err =
			    view_apply(v, r.body, r.body_len, fn, arg);
			if (err == STORE_CORRUPT)
				return files_fail(f, journal_name(v), err,
				    "the record before byte %" PRIu64
				    " makes no sense" RESTORE,
				    v->pos);
			if (err != STORE_OK)
				return err;
			if (r.durable > v->durable)
				v->durable = r.durable;
		}
		if (done > 0) {
			v->judged = 0;
			continue;
		}
		if (jerr == JOURNAL_SHORT && r.size > n && r.size <= left) {
			want = r.size; /* a long one: read it whole */
			continue;
		}
		return judge_tail(v, f, size);
	}
	return STORE_OK;
}

enum store_err
view_catch_up(struct view *v, struct files *f, uint64_t size, store_observe *fn,
    void *arg)
{
	enum store_err err = catch_up(v, f, size, fn, arg);
	if (v->scratch.cap > SCRATCH_BYTES_KEPT)
		buf_fini(&v->scratch); /* was large for once */
	return err;
}

/* Why none of the journals is the one: the most telling reason stays. */
struct search {
	enum store_err err;
	int rank;
	char name[FILES_NAME_SIZE];
	const char *words;
	bool has_detail; /* f->detail has it already */
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
	if (read_scratch(v, JOURNAL_HEADER_SIZE, 0) == 0)
		jerr =
		    journal_header_decode(v->scratch.data, v->scratch.len, &h);
	if (jerr == JOURNAL_VERSION)
		note(s, 3, STORE_CORRUPT, name,
		    "written by a later version; upgrade gatecast");
	else if (jerr != JOURNAL_OK || h.generation != generation)
		note(
		    s, 2, STORE_CORRUPT, name, "its header is damaged" RESTORE);
	else if (h.base_crc != crc || h.base_bytes != bytes)
		note(s, 1, STORE_CORRUPT, FILES_BASE,
		    "damaged, or not the one its journal goes on "
		    "from" RESTORE);
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
	struct search s = {.err = STORE_CORRUPT};
	note(
	    &s, 0, STORE_CORRUPT, FILES_BASE, "its journal is missing" RESTORE);
	enum store_err err = files_journals(f, &generations, &n);
	if (err != STORE_OK)
		return err;
	bool is_found = false;
	for (size_t i = 0; i < n && !is_found; i++)
		is_found = try_journal(
		    v, f, is_writer, generations[i], crc, bytes, &s);
	free(generations);
	if (is_found)
		return STORE_OK;
	if (s.words == NULL) { /* why it could not be opened, once more */
		int fd;
		if (files_open(f, s.name, is_writer ? O_RDWR : O_RDONLY, &fd) ==
		    STORE_OK)
			close(fd);
		return s.err;
	}
	return files_fail(f, s.name, s.err, "%s", s.words);
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
			    "missing beside its journal" RESTORE);
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
	if (err == STORE_OK && generation != v->generation) {
		base_close(v->base);
		v->base = NULL;
		err = STORE_CORRUPT;
	}
	if (err != STORE_OK)
		return files_fail(f, FILES_BASE, err,
		    "cannot be opened (%s)" RESTORE, base_strerror());
	v->pos = JOURNAL_HEADER_SIZE;
	if (fstat(v->journal, &st) == -1)
		return files_fail_errno(f, journal_name(v), "cannot stat");
	uint64_t carried = v->durable;
	err = view_catch_up(v, f, (uint64_t)st.st_size, NULL, NULL);
	if (err == STORE_OK && v->pos < carried)
		err = files_fail(f, journal_name(v), STORE_CORRUPT,
		    "damaged at byte %" PRIu64 ", before what was there from "
		    "its beginning" RESTORE,
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

enum store_err
view_get(struct view *v, const void *key, size_t key_len, struct buf *value)
{
	struct overlay_item item;
	if (!overlay_find(&v->overlay, key, key_len, &item))
		return base_get(v->base, key, key_len, value);
	if (item.value == NULL)
		return STORE_NOTFOUND;
	if (value != NULL &&
	    buf_append(value, item.value, item.value_len) == -1)
		return STORE_NOMEM;
	return STORE_OK;
}

struct walk {
	const struct view *view;
	const struct overlay *over;
	store_visit *visit;
	void *arg;
	bool has_ended;
};

static int
visit_base(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct walk *w = arg;
	if ((w->over != NULL && overlay_find(w->over, key, key_len, NULL)) ||
	    overlay_find(&w->view->overlay, key, key_len, NULL))
		return 0;
	w->has_ended = w->visit(w->arg, key, key_len, value, value_len) != 0;
	return w->has_ended;
}

static void
visit_overlay(struct walk *w, const struct overlay *o)
{
	const struct overlay_entry *cursor = NULL;
	struct overlay_item item;
	while (!w->has_ended && overlay_next(o, &cursor, &item)) {
		if (item.value == NULL)
			continue;
		if (o != w->over && w->over != NULL &&
		    overlay_find(w->over, item.key, item.key_len, NULL))
			continue;
		w->has_ended = w->visit(w->arg, item.key, item.key_len,
				   item.value, item.value_len) != 0;
	}
}

enum store_err
view_each(
    struct view *v, const struct overlay *over, store_visit *visit, void *arg)
{
	struct walk w = {v, over, visit, arg, false};
	enum store_err err = base_each(v->base, visit_base, &w);
	if (err != STORE_OK)
		return err;
	visit_overlay(&w, &v->overlay);
	if (over != NULL)
		visit_overlay(&w, over);
	return STORE_OK;
}
