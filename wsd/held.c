/*
 * An entry a session, while it has a connection. Keys are kept as the 32
 * bytes that they spell: half the memory of the hex.
 */
#include "wsd/held.h"

#include "auth/crypto.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "s:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

_Static_assert(PREFIX_LEN + 2 * HELD_KEY_BYTES == SESSIONS_KEY_LEN,
    "a key is the prefix and the hex digits");

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int
parse_key(const char *text, uint8_t key[static HELD_KEY_BYTES])
{
	if (strlen(text) != SESSIONS_KEY_LEN ||
	    memcmp(text, PREFIX, PREFIX_LEN) != 0)
		return -1;
	text += PREFIX_LEN;
	for (size_t i = 0; i < HELD_KEY_BYTES; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		if (high == -1 || low == -1)
			return -1;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static struct held_session *
find(const struct held *s, const uint8_t key[static HELD_KEY_BYTES])
{
	struct held_session *e;

	HASH_FIND(hh, s->sessions, key, HELD_KEY_BYTES, e);
	return e;
}

int
held_add(
    struct held *s, struct client *c, const char *session_key, int64_t end_s)
{
	uint8_t key[HELD_KEY_BYTES];

	if (parse_key(session_key, key) == -1)
		return -1;
	struct held_session *e = find(s, key);
	if (e == NULL) {
		e = calloc(1, sizeof(*e));
		if (e == NULL)
			return -1;
		memcpy(e->key, key, sizeof(key));
		HASH_ADD(hh, s->sessions, key, HELD_KEY_BYTES, e);
		if (!TABLE_HAS(hh, e)) {
			free(e);
			return -1;
		}
	}
	e->end_s = end_s;
	c->session = e;
	c->session_prev = NULL;
	c->session_next = e->clients;
	if (e->clients != NULL)
		e->clients->session_prev = c;
	e->clients = c;
	return 0;
}

void
held_remove(struct held *s, struct client *c)
{
	struct held_session *e = c->session;

	if (c->session_prev != NULL)
		c->session_prev->session_next = c->session_next;
	else
		e->clients = c->session_next;
	if (c->session_next != NULL)
		c->session_next->session_prev = c->session_prev;
	c->session = NULL;
	if (e->clients == NULL) {
		HASH_DEL(s->sessions, e);
		free(e);
	}
}

bool
held_is_key(const char *session_key)
{
	uint8_t key[HELD_KEY_BYTES];

	return parse_key(session_key, key) == 0;
}

struct held_session *
held_find(const struct held *s, const char *session_key)
{
	uint8_t key[HELD_KEY_BYTES];

	return parse_key(session_key, key) == -1 ? NULL : find(s, key);
}

void
held_key(const struct held_session *e, char key[static SESSIONS_KEY_SIZE])
{
	memcpy(key, PREFIX, PREFIX_LEN);
	crypto_hex(e->key, HELD_KEY_BYTES, key + PREFIX_LEN,
	    SESSIONS_KEY_SIZE - PREFIX_LEN);
}

void
held_fini(struct held *s)
{
	struct held_session *e;

	while ((e = s->sessions) != NULL) {
		HASH_DEL(s->sessions, e);
		free(e);
	}
}
