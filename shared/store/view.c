/*
 * Following a generation that view_load.c has found, and reading it. There is
 * no other recovery code: a reader after a crash does what every reader does.
 */
#include "store/view.h"

#include "store/view_impl.h"

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

int
view_read(struct view *v, size_t n, uint64_t offset)
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
			op.value_len) == -1)
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

const char *
view_journal_name(const struct view *v)
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
		if (view_read(v, (size_t)n, v->pos) == -1)
			return files_fail_errno(
			    f, view_journal_name(v), "cannot read");
		if (journal_record_decode(v->scratch.data, v->scratch.len,
			v->generation, v->pos, &r) == JOURNAL_OK ||
		    !journal_is_damaged(v->scratch.data, v->scratch.len,
			v->generation, v->pos)) {
			v->judged = size;
			return STORE_OK;
		}
	}
	return files_fail(f, view_journal_name(v), STORE_CORRUPT,
	    "damaged at byte %" PRIu64 " of %" PRIu64 VIEW_RESTORE, v->pos,
	    size);
}

static enum store_err
catch_up(struct view *v, struct files *f, uint64_t size, store_observe *fn,
    void *arg)
{
	size_t want = CHUNK_BYTES;
	while (v->pos < size) {
		uint64_t left = size - v->pos;
		size_t n = left < want ? (size_t)left : want;
		if (view_read(v, n, v->pos) == -1)
			return files_fail_errno(
			    f, view_journal_name(v), "cannot read");
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
			enum store_err err =
			    view_apply(v, r.body, r.body_len, fn, arg);
			/* Met again each time: nobody writes behind it. */
			if (err == STORE_CORRUPT)
				return files_fail(f, view_journal_name(v), err,
				    "the record before byte %" PRIu64
				    " makes no sense" VIEW_RESTORE,
				    v->pos + r.size);
			if (err != STORE_OK)
				return err;
			v->pos += r.size;
			done += r.size;
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
