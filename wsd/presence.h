/*
 * Who is here, by user: the first connection makes a user online, and some
 * grace after the last one went, offline. Users are compared by canonical
 * name, byte by byte.
 *
 * A user outlives leaving for as long as the rate limit still holds
 * something against it, so that reconnecting does not fill the bucket.
 */
#ifndef WSD_PRESENCE_H
#define WSD_PRESENCE_H

#include "wsd/ratelimit.h"
#include "wsd/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct presence_user {
	UT_hash_handle hh;
	struct presence_user *older, *newer; /* in one of the lists below */
	int64_t gone_ms; /* monotonic, when the last connection went */
	int64_t since_ms; /* wall time, of coming online */
	uint64_t join_seq; /* of its join; 0: nobody was told */
	struct ratelimit bucket;
	uint32_t connections;
	uint32_t refused; /* messages too fast, in a row */
	bool is_online;
	uint16_t name_bytes;
	char name[];
};

struct presence_list {
	struct presence_user *oldest, *newest;
};

struct presence {
	struct presence_user *users;
	struct presence_list leaving; /* no connection, by gone_ms */
	struct presence_list offline; /* the rest of their bucket's time */
	size_t online;
};

void presence_init(struct presence *p);
void presence_fini(struct presence *p);

/* NULL: never seen, or forgotten. */
struct presence_user *
presence_find(const struct presence *p, const char *name, size_t n);

/*
 * One connection more. Sets *is_first when that made the user online.
 * Valid while it has a connection. NULL: no memory.
 */
struct presence_user *presence_enter(
    struct presence *p, const char *name, int64_t wall_ms, bool *is_first);

/* One connection less, at that time (monotonic, never going back). */
void
presence_exit(struct presence *p, struct presence_user *u, int64_t mono_ms);

/*
 * The next user whose grace is over: still online, for the caller to tell
 * the others and then presence_leave. NULL: none.
 */
struct presence_user *presence_next_leaving(
    const struct presence *p, int64_t grace_ms, int64_t mono_ms);

/* Makes one without a connection offline; u may be freed. */
void
presence_leave(struct presence *p, struct presence_user *u, int64_t mono_ms);

/* Frees the ones that are offline and whose bucket is full by now. */
void presence_forget(struct presence *p, int64_t mono_ms);

#endif
