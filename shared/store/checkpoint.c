/*
 * The next generation: of what is live, or of other content. The writers'
 * lock is held for carrying over the last few records and the rename; all
 * that takes time, reading back and waiting for the disk, is done before.
 */
#include "base/log.h"
#include "store/generation.h"
#include "store/lock.h"
#include "store/store_impl.h"

#include <stdlib.h>

/*
 * Under load records arrive while records are carried over. Each round leaves
 * those of its own time; what is small enough then is done under the lock.
 */
#define CARRY_ROUNDS 8
#define CARRY_BYTES_LOCKED ((uint64_t)32 << 10)

static enum store_err
seal(struct store *s, const struct generation *g)
{
	enum store_err err = STORE_NOMEM;
	struct buf b = BUF_INIT;
	if (journal_record_begin(&b) == 0 && journal_seal(&b, &g->next) == 0)
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

/* Under C and W, of which W is given up: g, complete, becomes the present. */
static enum store_err
switch_over(struct store *s, struct generation *g)
{
	enum store_err err = seal(s, g);
	if (err == STORE_OK)
		err = generation_install(g);
	impl_unlock(s, LOCK_WRITER);
	if (err != STORE_OK) {
		generation_undo(g);
		return err;
	}
	generation_end(g);
	/* Writers sync the directory too before they acknowledge in it. */
	err = files_sync_dir(&s->files);
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

/*
 * Whether g still goes on from what is there, and C from when g was begun is
 * worth something. Else not by a checkpoint: files were put here by hand.
 */
static enum store_err
check_place(struct store *s, struct generation *g)
{
	if (s->view.generation + 1 == g->header.generation)
		return generation_check_lock(g);
	return files_fail(&s->files, FILES_BASE, STORE_BUSY,
	    "was replaced by other hands meanwhile; try again");
}

/* What was committed since *from, which moves on. */
static enum store_err
carry(struct store *s, struct generation *g, uint64_t *from)
{
	enum store_err err = generation_carry(
	    g, s->view.journal, s->view.generation, *from, s->view.pos);
	*from = s->view.pos;
	return err == STORE_OK ? generation_sync(g) : err;
}

/* The same, without W, until little is left to carry. */
static enum store_err
carry_most(struct store *s, struct generation *g, uint64_t *from)
{
	enum store_err err = STORE_OK;
	for (int i = 0; err == STORE_OK && i < CARRY_ROUNDS; i++) {
		err = impl_refresh(s, true);
		if (err == STORE_OK)
			err = check_place(s, g);
		if (err != STORE_OK ||
		    s->view.pos - *from <= CARRY_BYTES_LOCKED)
			break;
		err = carry(s, g, from);
	}
	return err;
}

/* --- what is live ----------------------------------------------------- */

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

static enum store_err
build_failed(struct store *s, enum store_err err)
{
	return files_fail(&s->files, FILES_BASE_NEW, err, "cannot write: %s",
	    base_strerror());
}

/* The part under C. */
static enum store_err
checkpoint(struct store *s, store_drop *drop, void *arg)
{
	struct generation g;
	uint64_t from = s->view.pos;
	enum store_err err =
	    generation_begin(&g, &s->files, s->lock, s->view.generation + 1);
	if (err != STORE_OK)
		return err;
	struct copy c = {g.builder, drop, arg, STORE_OK};
	err = view_each(&s->view, NULL, copy_record, &c);
	if (err == STORE_OK)
		err = c.err;
	if (err != STORE_OK)
		build_failed(s, err);
	else
		err = generation_finish(&g);
	if (err == STORE_OK)
		err = carry_most(s, &g, &from);
	if (err == STORE_OK)
		err = impl_lock(s, LOCK_WRITER, s->lock_wait_ms);
	if (err != STORE_OK)
		goto undo;
	err = check_place(s, &g);
	if (err == STORE_OK)
		err = carry(s, &g, &from);
	if (err == STORE_OK)
		return switch_over(s, &g);
	impl_unlock(s, LOCK_WRITER);
undo:
	generation_undo(&g);
	return err;
}

enum store_err
store_checkpoint(struct store *s, store_drop *drop, void *arg)
{
	if (s->is_in_txn)
		return STORE_INVALID;
	if (!s->is_writer || s->is_broken)
		return STORE_READONLY;
	enum store_err err = impl_lock(s, LOCK_CHECKPOINT, 0);
	if (err != STORE_OK)
		return err;
	/* It may have been found broken while taking up a generation. */
	err = s->is_broken ? STORE_READONLY : checkpoint(s, drop, arg);
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
impl_build(struct store *s, int lock, uint64_t number, store_fill *fill,
    void *arg, struct generation *g)
{
	enum store_err err = generation_begin(g, &s->files, lock, number);
	if (err != STORE_OK)
		return err;
	struct store_content c = {s, g->builder, STORE_OK};
	err = fill == NULL ? STORE_OK : fill(arg, &c);
	if (c.err != STORE_OK)
		err = c.err;
	else if (err != STORE_OK)
		files_fail(&s->files, FILES_BASE_NEW, err, "given up: %s",
		    store_strerror(err));
	if (err != STORE_OK)
		generation_undo(g);
	return err;
}

/* The part under C and W, of which W is given up. */
static enum store_err
replace(struct store *s, int lock, store_fill *fill, void *arg)
{
	struct generation g;
	enum store_err err =
	    impl_build(s, lock, s->view.generation + 1, fill, arg, &g);
	if (err != STORE_OK)
		goto unlock;
	err = check_place(s, &g);
	if (err == STORE_OK)
		err = generation_finish(&g);
	if (err == STORE_OK)
		return switch_over(s, &g);
	generation_undo(&g);
unlock:
	impl_unlock(s, LOCK_WRITER);
	return err;
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
	int lock = s->lock; /* taking W may find another one in its place */
	err = impl_lock(s, LOCK_WRITER, s->lock_wait_ms);
	if (err == STORE_OK && s->is_broken) {
		impl_unlock(s, LOCK_WRITER);
		err = STORE_READONLY;
	}
	if (err == STORE_OK)
		err = replace(s, lock, fill, arg);
	impl_unlock(s, LOCK_CHECKPOINT);
	return err;
}
