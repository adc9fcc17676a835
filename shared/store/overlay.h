/*
 * What a journal adds to its base: key → value, or a tombstone.
 */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct overlay_entry;

struct overlay {
	struct overlay_entry *head;
};

/* Points into the overlay; valid until the key is set again or fini. */
struct overlay_item {
	const void *key;
	size_t key_len;
	const void *value; /* NULL: deleted */
	size_t value_len;
};

void overlay_init(struct overlay *o);
void overlay_fini(struct overlay *o); /* empties; usable again */

/*
 * Sets key to a copy of value, or marks it deleted (value NULL). 0, or -1 out
 * of memory with o unchanged.
 */
int overlay_set(struct overlay *o, const void *key, size_t key_len,
    const void *value, size_t value_len);

/* Whether the overlay has a say about key: then *item (may be NULL) is set. */
bool overlay_find(const struct overlay *o, const void *key, size_t key_len,
    struct overlay_item *item);

/* Each entry once, in no order; cursor starts as NULL. */
bool overlay_next(const struct overlay *o, const struct overlay_entry **cursor,
    struct overlay_item *item);

#endif
