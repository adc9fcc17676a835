/*
 * Counts by address, for wsd.connections_per_address; of IPv6 by /64, which
 * one person has whole.
 */
#ifndef WSD_TALLY_H
#define WSD_TALLY_H

#include "wsd/table.h"

#include <stddef.h>
#include <stdint.h>

struct tally_entry {
	UT_hash_handle hh;
	uint32_t count;
	char key[];
};

struct tally {
	struct tally_entry *entries;
};

/* One more of address; NULL: no memory. Valid until as many drops. */
struct tally_entry *tally_add(struct tally *t, const char *address);
void tally_drop(struct tally *t, struct tally_entry *e);

uint32_t tally_count(const struct tally *t, const char *address);
void tally_fini(struct tally *t);

#endif
