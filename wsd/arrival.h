/*
 * Connections that have not finished their request yet: bytes in, until the
 * head is whole, the deadline is over or it cannot become a request. Each
 * ends either in other hands (upgraded) or with a refusal and a close.
 */
#ifndef WSD_ARRIVAL_H
#define WSD_ARRIVAL_H

#include "base/clock.h"
#include "base/config.h"
#include "wsd/handshake.h"
#include "wsd/loop.h"
#include "wsd/refusal.h"

struct arrivals;

/*
 * Decides about a whole head. 0: fd was taken over. Else the HTTP status to
 * refuse with, *why set to one line of static storage; fd stays ours. The
 * request is valid during the call.
 */
typedef int arrival_decide(
    void *arg, int fd, const struct handshake_request *r, const char **why);

struct arrivals_opts {
	struct loop *loop;
	const struct clock *clock;
	/* Lives as long. wsd.handshake_timeout_s counts as each one comes. */
	const struct config *config;
	arrival_decide *decide;
	void *arg;
	size_t max; /* of unfinished ones; 0: ARRIVALS_MAX */
};

#define ARRIVALS_MAX 4096

struct arrivals_stats {
	uint64_t refused[REFUSAL_STATUSES]; /* by refusal_status */
	uint64_t cut; /* the request did not come in time, or in full */
};

struct arrivals *arrivals_new(const struct arrivals_opts *opts);

/* Takes a fresh nonblocking connection; peer is copied. */
void arrivals_add(struct arrivals *as, int fd, const char *peer);

/* Cuts those whose time is over. A few times a second. */
void arrivals_tick(struct arrivals *as);

/* How many are here: unfinished, or refused and still sending. */
size_t arrivals_count(const struct arrivals *as);

void arrivals_get_stats(const struct arrivals *as, struct arrivals_stats *out);

/* Closes all that are still here. */
void arrivals_free(struct arrivals *as); /* NULL is legal */

#endif
