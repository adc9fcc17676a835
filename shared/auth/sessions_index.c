/*
 * The list of a user's sessions. It is redundant, and made to be wrong in
 * one direction only: every session is in it, not everything in it is a
 * session. A damaged chunk is an error, never an empty list.
 */
#include "auth/sessions_index.h"

#include "auth/crypto.h"
#include "auth/name.h"
#include "auth/sessions.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_ENTRIES 16
#define ENTRY_LEN (SESSIONS_KEY_LEN - 2) /* the hex digits alone */
#define CHUNK_KEY_SIZE (SESSIONS_INDEX_LEN + 22)
#define COMPACT_CHUNKS_MIN 4

struct head {
	int64_t low, high; /* numbers of the first and last chunk */
	int64_t until_s; /* when the last of them is dead; 0 never */
};

struct chunk {
	int64_t until_s;
	size_t n;
	char entries[CHUNK_ENTRIES][ENTRY_LEN];
};

int
sessions_index_of(const char *user, char head[static SESSIONS_INDEX_SIZE])
{
	char fold[NAME_FOLD_SIZE];
	uint8_t hash[CRYPTO_HASH_BYTES];

	if (name_fold(user, fold) != NAME_OK)
		return -1;
	crypto_sha256(fold, strlen(fold), hash);
	memcpy(head, "n:", 2);
	crypto_hex(hash, sizeof(hash), head + 2, SESSIONS_INDEX_SIZE - 2);
	return 0;
}

static size_t
chunk_key(const char *head, int64_t number, char key[static CHUNK_KEY_SIZE])
{
	return (size_t)snprintf(
	    key, CHUNK_KEY_SIZE, "%s:%" PRId64, head, number);
}

/* Takes the later end; 0 is later than all. */
static int64_t
later(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return 0;
	return a > b ? a : b;
}

/* --- the two formats ---------------------------------------------------- */

/* Takes " NAME=DIGITS" off the front. */
static bool
take_number(const char **p, const char *end, const char *name, int64_t *out)
{
	size_t len = strlen(name);

	if ((size_t)(end - *p) < len || memcmp(*p, name, len) != 0)
		return false;
	const char *digits = *p + len;
	const char *stop = memchr(digits, ' ', (size_t)(end - digits));
	if (stop == NULL)
		stop = end;
	*p = stop;
	return number_parse(
	    digits, (size_t)(stop - digits), INT64_MAX - 1, out);
}

static bool
parse_head(const char *p, size_t n, struct head *h)
{
	const char *end = p + n;

	return take_number(&p, end, "v=1 low=", &h->low) &&
	    take_number(&p, end, " high=", &h->high) &&
	    take_number(&p, end, " until=", &h->until_s) && p == end &&
	    h->low <= h->high;
}

static bool
parse_chunk(const char *p, size_t n, struct chunk *c)
{
	const char *end = p + n;

	c->n = 0;
	if (!take_number(&p, end, "v=1 until=", &c->until_s))
		return false;
	while (p < end) {
		if (*p++ != ' ' || end - p < ENTRY_LEN || c->n == CHUNK_ENTRIES)
			return false;
		memcpy(c->entries[c->n++], p, ENTRY_LEN);
		p += ENTRY_LEN;
	}
	return true;
}

static enum store_err
put_head(struct store *s, const char *key, const struct head *h)
{
	char text[96];
	int n = snprintf(text, sizeof(text),
	    "v=1 low=%" PRId64 " high=%" PRId64 " until=%" PRId64, h->low,
	    h->high, h->until_s);

	return store_put(s, key, SESSIONS_INDEX_LEN, text, (size_t)n);
}

static enum store_err
put_chunk(
    struct store *s, const char *head, int64_t number, const struct chunk *c)
{
	char text[40 + CHUNK_ENTRIES * (ENTRY_LEN + 1)];
	char key[CHUNK_KEY_SIZE];
	size_t key_len = chunk_key(head, number, key);
	size_t n = (size_t)snprintf(
	    text, sizeof(text), "v=1 until=%" PRId64, c->until_s);

	for (size_t i = 0; i < c->n; i++) {
		text[n++] = ' ';
		memcpy(text + n, c->entries[i], ENTRY_LEN);
		n += ENTRY_LEN;
	}
	return store_put(s, key, key_len, text, n);
}

/* --- reading ------------------------------------------------------------ */

static enum store_err
get_head(struct store *s, const char *key, struct head *h)
{
	struct buf value = BUF_INIT;
	enum store_err err = store_get(s, key, SESSIONS_INDEX_LEN, &value);

	if (err == STORE_OK && !parse_head(buf_str(&value), value.len, h))
		err = STORE_CORRUPT;
	buf_fini(&value);
	return err;
}

/* A chunk that is missing was dropped when all in it was dead. */
static enum store_err
get_chunk(struct store *s, const char *head, int64_t number, struct chunk *c)
{
	struct buf value = BUF_INIT;
	char key[CHUNK_KEY_SIZE];
	size_t key_len = chunk_key(head, number, key);
	enum store_err err = store_get(s, key, key_len, &value);

	memset(c, 0, sizeof(*c));
	c->until_s = 1;
	if (err == STORE_NOTFOUND)
		err = STORE_OK;
	else if (err == STORE_OK && !parse_chunk(buf_str(&value), value.len, c))
		err = STORE_CORRUPT;
	buf_fini(&value);
	return err;
}

enum store_err
sessions_index_each(
    struct store *s, const char *head, sessions_index_visit *visit, void *arg)
{
	struct head h;
	struct chunk c;
	enum store_err err = get_head(s, head, &h);

	if (err != STORE_OK)
		return err == STORE_NOTFOUND ? STORE_OK : err;
	for (int64_t i = h.low; err == STORE_OK && i <= h.high; i++) {
		err = get_chunk(s, head, i, &c);
		for (size_t j = 0; err == STORE_OK && j < c.n; j++) {
			char key[SESSIONS_KEY_SIZE] = "s:";

			memcpy(key + 2, c.entries[j], ENTRY_LEN);
			err = visit(arg, key);
		}
	}
	return err;
}

/* --- writing ------------------------------------------------------------ */

static enum store_err
del_chunks(struct store *s, const char *head, const struct head *h)
{
	enum store_err err = STORE_OK;
	char key[CHUNK_KEY_SIZE];

	for (int64_t i = h->low; err == STORE_OK && i <= h->high; i++)
		err = store_del(s, key, chunk_key(head, i, key));
	return err;
}

enum store_err
sessions_index_del(struct store *s, const char *head)
{
	struct head h;
	enum store_err err = get_head(s, head, &h);

	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err == STORE_OK)
		err = del_chunks(s, head, &h);
	/* A damaged head's chunks are written over by the next list. */
	if (err == STORE_OK || err == STORE_CORRUPT)
		err = store_del(s, head, SESSIONS_INDEX_LEN);
	return err;
}

/*
 * A chunk that is written anyway, without the sessions that have ended: the
 * list of somebody who comes and goes does not grow, nor does the store.
 */
static enum store_err
leave_out_ended(struct store *s, struct chunk *c)
{
	char key[SESSIONS_KEY_SIZE] = "s:";
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		memcpy(key + 2, c->entries[i], ENTRY_LEN);
		enum store_err err = store_get(s, key, SESSIONS_KEY_LEN, NULL);
		if (err == STORE_OK)
			memmove(c->entries[n++], c->entries[i], ENTRY_LEN);
		else if (err != STORE_NOTFOUND)
			return err;
	}
	c->n = n;
	return STORE_OK;
}

struct living {
	struct store *store;
	struct buf entries; /* ENTRY_LEN bytes each */
};

static enum store_err
collect_living(void *arg, const char *key)
{
	struct living *l = arg;
	enum store_err err = store_get(l->store, key, SESSIONS_KEY_LEN, NULL);

	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err == STORE_OK && buf_append(&l->entries, key + 2, ENTRY_LEN) != 0)
		return STORE_NOMEM;
	return err;
}

/*
 * Writes the list anew without the dead. Leaves *h as it is to be put, with
 * room in its last chunk, which is *last.
 */
static enum store_err
compact(struct store *s, const char *head, struct head *h, struct chunk *last)
{
	struct living l = {s, BUF_INIT};
	struct chunk c = {.until_s = h->until_s, .n = 0};
	enum store_err err = sessions_index_each(s, head, collect_living, &l);

	if (err == STORE_OK)
		err = del_chunks(s, head, h);
	h->low = h->high = 0;
	for (size_t at = 0; err == STORE_OK && at < l.entries.len;
	     at += ENTRY_LEN) {
		memcpy(c.entries[c.n++], l.entries.data + at, ENTRY_LEN);
		if (c.n == CHUNK_ENTRIES) {
			err = put_chunk(s, head, h->high++, &c);
			c.n = 0;
		}
	}
	buf_fini(&l.entries);
	*last = c;
	return err;
}

enum store_err
sessions_index_add(
    struct store *s, const char *head, const char *key, int64_t end_s)
{
	struct head h;
	struct chunk c;
	enum store_err err = get_head(s, head, &h);

	if (err == STORE_NOTFOUND) {
		h = (struct head){.low = 0, .high = 0, .until_s = end_s};
		c = (struct chunk){.until_s = end_s, .n = 0};
		err = STORE_OK;
	} else if (err == STORE_OK) {
		err = get_chunk(s, head, h.high, &c);
		if (err == STORE_OK)
			err = leave_out_ended(s, &c);
	}
	if (err != STORE_OK)
		return err;
	if (c.n == CHUNK_ENTRIES) {
		h.high++;
		c = (struct chunk){.until_s = end_s, .n = 0};
		/*
		 * At powers of two, so that what compacting costs is paid
		 * once for as many logins as there are entries.
		 */
		int64_t chunks = h.high - h.low;
		if (chunks >= COMPACT_CHUNKS_MIN &&
		    (chunks & (chunks - 1)) == 0)
			err = compact(s, head, &h, &c);
		if (err != STORE_OK)
			return err;
	}
	memcpy(c.entries[c.n++], key + 2, ENTRY_LEN);
	c.until_s = later(c.until_s, end_s);
	h.until_s = later(h.until_s, end_s);
	err = put_chunk(s, head, h.high, &c);
	return err == STORE_OK ? put_head(s, head, &h) : err;
}

/* *until_s: of a head or of a chunk. */
static bool
parse_any(const void *key, size_t key_len, const void *value, size_t value_len,
    int64_t *until_s)
{
	struct head h;
	struct chunk c;

	if (key_len < SESSIONS_INDEX_LEN || memcmp(key, "n:", 2) != 0)
		return false;
	if (key_len == SESSIONS_INDEX_LEN) {
		if (!parse_head(value, value_len, &h))
			return false;
		*until_s = h.until_s;
	} else {
		if (!parse_chunk(value, value_len, &c))
			return false;
		*until_s = c.until_s;
	}
	return true;
}

bool
sessions_index_is_dead(const void *key, size_t key_len, const void *value,
    size_t value_len, int64_t now_s)
{
	int64_t until_s;

	return parse_any(key, key_len, value, value_len, &until_s) &&
	    until_s > 0 && until_s <= now_s;
}

bool
sessions_index_is_good(
    const void *key, size_t key_len, const void *value, size_t value_len)
{
	int64_t until_s;

	return parse_any(key, key_len, value, value_len, &until_s);
}
