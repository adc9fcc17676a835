/*
 * The stores of a worker: opened when first needed, and again after a
 * failure, so that a store that comes back needs no restart.
 */
#ifndef FCGI_APP_STORES_H
#define FCGI_APP_STORES_H

#include "auth/sessions.h"
#include "auth/throttle.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/config.h"

#include <stdint.h>

struct stores {
	const struct config *config;
	const struct clock *clock;
	struct sessions *sessions;
	struct users *users;
	/* To open them for writing again. */
	int64_t sessions_retry_ms, users_retry_ms;
	struct throttle *throttle;
	int64_t quiet_until_ms; /* log lines about failures */
	/* Upkeep that failed is not tried again before: a disk is full. */
	int64_t sessions_upkeep_ms, users_upkeep_ms, throttle_upkeep_ms;
};

void stores_init(
    struct stores *s, const struct config *config, const struct clock *clock);
void stores_fini(struct stores *s);

/*
 * NULL: not to be had now; logged. Valid until the next failure.
 * What cannot be written (a read-only file system) is opened for reading:
 * who is signed in stays so, changes are STORE_READONLY.
 */
struct sessions *stores_sessions(struct stores *s);
struct users *stores_users(struct stores *s);
/* Makes the store if there is none: what it holds may be thrown away. */
struct throttle *stores_throttle(struct stores *s);

/*
 * An operation on the store failed in a way that is not the caller's: logs
 * it with the store's detail and closes the handle.
 */
void
stores_sessions_failed(struct stores *s, const char *what, enum store_err err);
void
stores_users_failed(struct stores *s, const char *what, enum store_err err);
void
stores_throttle_failed(struct stores *s, const char *what, enum store_err err);

/* Checkpoints when they pay; after an answer, never before one. */
void stores_maintain(struct stores *s);

#endif
