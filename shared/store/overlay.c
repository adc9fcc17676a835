/*
 * A uthash table of exactly sized entries. A replaced value that fits takes
 * the place of the old one: sessions are touched with values of one size, so
 * the table does not churn the heap.
 */
#include "store/overlay.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->is_lost = true)
#include <uthash.h>

struct overlay_entry {
	UT_hash_handle hh;
	size_t key_len;
	size_t value_len;
	size_t value_cap;
	bool is_deleted;
	bool is_lost; /* out of memory while adding */
	unsigned char bytes[]; /* key, value */
};

static void
item_of(const struct overlay_entry *e, struct overlay_item *item)
{
	if (item == NULL)
		return;
	item->key = e->bytes;
	item->key_len = e->key_len;
	item->value = e->is_deleted ? NULL : e->bytes + e->key_len;
	item->value_len = e->is_deleted ? 0 : e->value_len;
}

void
overlay_init(struct overlay *o)
{
	o->head = NULL;
}

void
overlay_fini(struct overlay *o)
{
	struct overlay_entry *e, *next;
	HASH_ITER (hh, o->head, e, next) {
		HASH_DEL(o->head, e);
		free(e);
	}
}

static void
fill(struct overlay_entry *e, const void *value, size_t value_len)
{
	e->is_deleted = value == NULL;
	e->value_len = e->is_deleted ? 0 : value_len;
	if (e->value_len > 0)
		memcpy(e->bytes + e->key_len, value, e->value_len);
}

int
overlay_set(struct overlay *o, const void *key, size_t key_len,
    const void *value, size_t value_len)
{
	struct overlay_entry *old = NULL;
	HASH_FIND(hh, o->head, key, key_len, old);
	if (old != NULL && (value == NULL || value_len <= old->value_cap)) {
		fill(old, value, value_len);
		return 0;
	}
	size_t cap = value == NULL ? 0 : value_len;
	struct overlay_entry *e = malloc(sizeof(*e) + key_len + cap);
	if (e == NULL)
		return -1;
	memset(e, 0, sizeof(*e));
	e->key_len = key_len;
	e->value_cap = cap;
	memcpy(e->bytes, key, key_len);
	fill(e, value, value_len);
	/* The new one first: a failure must leave the old one in place. */
	HASH_ADD_KEYPTR(hh, o->head, e->bytes, key_len, e);
	if (e->is_lost) {
		free(e);
		return -1;
	}
	if (old != NULL) {
		HASH_DEL(o->head, old);
		free(old);
	}
	return 0;
}

bool
overlay_find(const struct overlay *o, const void *key, size_t key_len,
    struct overlay_item *item)
{
	struct overlay_entry *e = NULL;
	HASH_FIND(hh, o->head, key, key_len, e);
	if (e == NULL)
		return false;
	item_of(e, item);
	return true;
}

bool
overlay_next(const struct overlay *o, const struct overlay_entry **cursor,
    struct overlay_item *item)
{
	const struct overlay_entry *e =
	    *cursor == NULL ? o->head : (*cursor)->hh.next;
	if (e == NULL)
		return false;
	*cursor = e;
	item_of(e, item);
	return true;
}
