/*
 * jansson 2.14 forgets that memory ran out: a character that its buffer had
 * no room for is missing in a string of a good object (lex_save, load.c), and
 * what else is missing makes it a bad one. So its allocations are looked at.
 */
#include "wsd/json_object.h"

#include "auth/crypto.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static bool has_failed;

static void *
allocate(size_t n)
{
	void *p = malloc(n);

	has_failed = has_failed || p == NULL;
	return p;
}

void
json_object_init(void)
{
	size_t seed = 0;

	/* Left to itself jansson would look for /dev/urandom when the first
	 * object comes, or take the time. 0 means that. */
	while (seed == 0)
		crypto_random(&seed, sizeof(seed));
	json_object_seed(seed);
}

json_t *
json_object_decode(const void *bytes, size_t n)
{
	json_set_alloc_funcs(allocate, free);
	has_failed = false;
	/* Without JSON_ALLOW_NUL all strings end where they say. */
	json_t *root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(root) && !has_failed)
		return root;
	json_decref(root);
	errno = has_failed ? ENOMEM : EINVAL;
	return NULL;
}
