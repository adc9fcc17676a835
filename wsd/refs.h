/*
 * Which messages were already said: (user, ref) to sequence number, so that
 * one sent again after a reconnect is acknowledged and not said twice.
 * Remembers the newest so many; a message whose ref is forgotten is new.
 */
#ifndef WSD_REFS_H
#define WSD_REFS_H

#include "wsd/table.h"

#include <stddef.h>
#include <stdint.h>

#define REFS_MIN 1024 /* remembered even without a history */
#define REFS_REF_MAX 64 /* bytes */

struct refs_entry;

struct refs {
	struct refs_entry *entries;
	struct refs_entry *oldest, *newest;
	size_t count;
};

/* The sequence number of that message, or 0. */
uint64_t refs_find(const struct refs *r, const char *user, size_t user_bytes,
    const char *ref, size_t ref_bytes);

/*
 * Remembers one that is not there, and forgets the oldest beyond max. Names
 * of at most NAME_SIZE and refs of at most REFS_REF_MAX bytes. 0 or -1.
 */
int refs_add(struct refs *r, const char *user, size_t user_bytes,
    const char *ref, size_t ref_bytes, uint64_t seq, size_t max);

/* Forgets those with a number above seq. */
void refs_rewind(struct refs *r, uint64_t seq);

/* All of them, the oldest first. */
typedef void refs_each_fn(void *arg, const char *user, size_t user_bytes,
    const char *ref, size_t ref_bytes, uint64_t seq);
void refs_each(const struct refs *r, refs_each_fn *fn, void *arg);

void refs_fini(struct refs *r);

#endif
