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

#include <stdbool.h>
#include <stdint.h>

/* What is remembered of a store beside its handle. Monotonic times. */
struct stores_care {
	int64_t quiet_until_ms; /* no log line about failures before */
	int64_t writer_ms; /* open for reading alone: to be tried again */
	int64_t upkeep_ms; /* upkeep that failed waits: a disk is full */
	bool is_condemned; /* could not be synced: never written again */
};

struct stores {
	const struct config *config;
	const struct clock *clock;
	struct sessions *sessions;
	struct users *users;
	struct throttle *throttle;
	struct stores_care sessions_care, users_care, throttle_care;
};

void stores_init(
    struct stores *s, const struct config *config, const struct clock *clock);
void stores_fini(struct stores *s);

/*
 * NULL: not to be had now; logged. Valid until the next failure.
 * What cannot be written (a read-only file system) is opened for reading:
 * who is signed in stays so, changes are STORE_READONLY. So are they in this
 * process for good once the disk has failed to sync.
 */
struct sessions *stores_sessions(struct stores *s);
struct users *stores_users(struct stores *s);
/* Makes the store if there is none: what it holds may be thrown away. */
struct throttle *stores_throttle(struct stores *s);

/*
 * An operation on the store failed in a way that is not the caller's: logs
 * it with the store's detail and closes the handle, unless a fresh one would
 * be no better.
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
