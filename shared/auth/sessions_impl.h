/*
 * What the files of sessions share: sessions.c reads, sessions_begin.c
 * begins and keeps going, sessions_of.c finds a user's, sessions_end.c ends and
 * cleans up.
 */
#ifndef AUTH_SESSIONS_IMPL_H
#define AUTH_SESSIONS_IMPL_H

#include "auth/sessions.h"

/* Seen expired, to be deleted after the response. */
#define SESSIONS_EXPIRED_MAX 16
struct sessions_expired {
	char key[SESSIONS_KEY_SIZE];
	int64_t at_s; /* when it was seen */
};

struct sessions {
	struct store *store;
	const struct clock *clock;
	char *dir; /* store.dir, where the keyring is */
	bool is_writer;
	int lock_wait_ms;
	struct keyring ring;
	struct keyring_watch watch;
	int64_t ring_checked_ms;
	bool is_ring_bad; /* nothing is valid */
	bool is_ring_doubtful; /* its file was bad when looked at, */
	int64_t ring_doubtful_ms; /* first at this time */
	struct buf ring_error;
	struct buf value;
	bool has_users_failed; /* in the last sessions_begin */
	enum store_err failure; /* of the last read that was unavailable */
	struct sessions_expired expired[SESSIONS_EXPIRED_MAX];
	size_t expired_n;
};

/* The store's key of a token's ID. */
void sessions_key_of(const uint8_t id[static TOKEN_ID_BYTES],
    char key[static SESSIONS_KEY_SIZE]);

/* Whether its end has come. */
bool sessions_is_over(const struct record_session *r, int64_t now_s);

/*
 * Appends the keys (SESSIONS_KEY_LEN bytes each) of the sessions in the list
 * head, of which some may be over; by reading everybody's where the list is
 * damaged, which *is_list_damaged tells. In a transaction or not.
 */
enum store_err sessions_collect_user(struct sessions *s, const char *head,
    struct buf *keys, bool *is_list_damaged);

#endif
