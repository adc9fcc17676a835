/*
 * The sessions store as wsd sees it: who may join, and whose session has
 * ended. The store's journal is the feed: there is no message to lose.
 *
 * A store that is missing or unreadable (or its keyring) is tried again each
 * second. Until it is back nobody joins, and those who are connected stay for
 * wsd.store_grace_s.
 */
#ifndef WSD_REVOCATION_H
#define WSD_REVOCATION_H

#include "auth/sessions.h"
#include "base/clock.h"
#include "base/config.h"
#include "wsd/hub.h"
#include "wsd/loop.h"

struct revocation;

struct revocation_opts {
	struct loop *loop;
	struct hub *hub;
	const struct clock *clock;
	const struct config *config;
	/* The grace is over: close everyone. */
	loop_fn *expired;
	void *arg;
};

/* A store that cannot be opened is no failure. NULL: out of memory. */
struct revocation *revocation_new(const struct revocation_opts *opts);

/* sessions_validate; SESSIONS_UNAVAILABLE while there is no store. */
enum sessions_verdict
revocation_validate(struct revocation *r, const char *token, size_t n,
    struct record_session *out, char key[static SESSIONS_KEY_SIZE]);

/*
 * Ends what has been ended, if that was not looked at in the last 5 ms. Before
 * anything is written: after a pause the loop may report readers before the
 * store's feed, and what is queued for a session that is over stays unsent.
 */
void revocation_look(struct revocation *r);

/*
 * Catches up, looks again at sessions that are due. A few times a second, and
 * right after each second begins: that is when sessions expire.
 */
void revocation_tick(struct revocation *r);

/* Whether sessions can be checked, as far as is known. */
bool revocation_is_available(const struct revocation *r);

void revocation_free(struct revocation *r); /* NULL is legal */

#endif
