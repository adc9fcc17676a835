/*
 * One table for all users in the order of saying. The key is name, NUL, ref:
 * a name has no NUL, so no two pairs meet.
 */
#include "wsd/refs.h"

#include "auth/name.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX (NAME_SIZE + 1 + REFS_REF_MAX)

struct refs_entry {
	UT_hash_handle hh;
	struct refs_entry *newer;
	uint64_t seq;
	char key[];
};

static size_t
make_key(char key[static KEY_MAX], const char *user, size_t user_bytes,
    const char *ref, size_t ref_bytes)
{
	if (user_bytes > NAME_SIZE || ref_bytes > REFS_REF_MAX)
		return 0;
	memcpy(key, user, user_bytes);
	key[user_bytes] = '\0';
	memcpy(key + user_bytes + 1, ref, ref_bytes);
	return user_bytes + 1 + ref_bytes;
}

static void
forget_oldest(struct refs *r)
{
	struct refs_entry *e = r->oldest;

	r->oldest = e->newer;
	if (r->oldest == NULL)
		r->newest = NULL;
	HASH_DEL(r->entries, e);
	free(e);
	r->count--;
}

uint64_t
refs_find(const struct refs *r, const char *user, size_t user_bytes,
    const char *ref, size_t ref_bytes)
{
	char key[KEY_MAX];
	struct refs_entry *e;
	size_t n = make_key(key, user, user_bytes, ref, ref_bytes);

	if (n == 0)
		return 0;
	HASH_FIND(hh, r->entries, key, n, e);
	return e == NULL ? 0 : e->seq;
}

int
refs_add(struct refs *r, const char *user, size_t user_bytes, const char *ref,
    size_t ref_bytes, uint64_t seq, size_t max)
{
	char key[KEY_MAX];
	size_t n = make_key(key, user, user_bytes, ref, ref_bytes);

	if (n == 0)
		return -1;
	struct refs_entry *e = malloc(sizeof(*e) + n);
	if (e == NULL)
		return -1;
	memset(e, 0, sizeof(*e));
	memcpy(e->key, key, n);
	e->seq = seq;
	HASH_ADD_KEYPTR(hh, r->entries, e->key, n, e);
	if (!TABLE_HAS(hh, e)) {
		free(e);
		return -1;
	}
	*(r->newest != NULL ? &r->newest->newer : &r->oldest) = e;
	r->newest = e;
	r->count++;
	while (r->count > max)
		forget_oldest(r);
	return 0;
}

void
refs_rewind(struct refs *r, uint64_t seq)
{
	struct refs_entry *last = NULL, *e, *newer;

	for (e = r->oldest; e != NULL; e = newer) {
		newer = e->newer;
		if (e->seq <= seq) {
			last = e;
			continue;
		}
		*(last != NULL ? &last->newer : &r->oldest) = newer;
		HASH_DEL(r->entries, e);
		free(e);
		r->count--;
	}
	r->newest = last;
}

void
refs_each(const struct refs *r, refs_each_fn *fn, void *arg)
{
	for (const struct refs_entry *e = r->oldest; e != NULL; e = e->newer) {
		size_t user_bytes = strlen(e->key);
		fn(arg, e->key, user_bytes, e->key + user_bytes + 1,
		    e->hh.keylen - user_bytes - 1, e->seq);
	}
}

void
refs_fini(struct refs *r)
{
	while (r->count > 0)
		forget_oldest(r);
}
