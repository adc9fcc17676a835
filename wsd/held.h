/*
 * The sessions that connections were made with: ended ones are found by key,
 * and each is looked at again when it would expire.
 */
#ifndef WSD_HELD_H
#define WSD_HELD_H

#include "auth/sessions.h"
#include "wsd/client.h"
#include "wsd/table.h"

#include <stdbool.h>
#include <stdint.h>

#define HELD_KEY_BYTES 32

struct held_session {
	UT_hash_handle hh;
	uint8_t key[HELD_KEY_BYTES]; /* what the store key spells in hex */
	int64_t end_s; /* wall time; look again then */
	struct client *clients; /* by session_next */
};

struct held {
	struct held_session *sessions;
};

/*
 * Puts c among the connections of that session (a store key). 0, or -1: no
 * memory, or not a session's key.
 */
int held_add(
    struct held *s, struct client *c, const char *session_key, int64_t end_s);
void held_remove(struct held *s, struct client *c);

bool held_is_key(const char *session_key);

/* NULL: no connection has it. */
struct held_session *held_find(const struct held *s, const char *session_key);

/* Its store key. */
void held_key(const struct held_session *e, char key[static SESSIONS_KEY_SIZE]);

void held_fini(struct held *s);

#endif
