/*
 * A counter an address, there only while it is not zero.
 */
#include "wsd/tally.h"

#include "auth/address.h"

#include <stdlib.h>
#include <string.h>

/* What an address counts as; a Unix socket's name as itself. */
static const char *
key_of(const char *address, char net[static ADDRESS_NETWORK_SIZE])
{
	return address_network(address, net) ? net : address;
}

static struct tally_entry *
find(const struct tally *t, const char *key)
{
	struct tally_entry *e;

	HASH_FIND_STR(t->entries, key, e);
	return e;
}

struct tally_entry *
tally_add(struct tally *t, const char *address)
{
	char net[ADDRESS_NETWORK_SIZE];
	const char *key = key_of(address, net);
	struct tally_entry *e = find(t, key);

	if (e == NULL) {
		size_t n = strlen(key);
		e = calloc(1, sizeof(*e) + n + 1);
		if (e == NULL)
			return NULL;
		memcpy(e->key, key, n);
		HASH_ADD_KEYPTR(hh, t->entries, e->key, n, e);
		if (!TABLE_HAS(hh, e)) {
			free(e);
			return NULL;
		}
	}
	e->count++;
	return e;
}

void
tally_drop(struct tally *t, struct tally_entry *e)
{
	e->count--;
	if (e->count > 0)
		return;
	HASH_DEL(t->entries, e);
	free(e);
}

uint32_t
tally_count(const struct tally *t, const char *address)
{
	char net[ADDRESS_NETWORK_SIZE];
	const struct tally_entry *e = find(t, key_of(address, net));

	return e == NULL ? 0 : e->count;
}

void
tally_fini(struct tally *t)
{
	struct tally_entry *e;

	while ((e = t->entries) != NULL) {
		HASH_DEL(t->entries, e);
		free(e);
	}
}
