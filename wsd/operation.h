/*
 * What the daemon offers its administrator: the control socket, the metrics
 * listener, and the gentle end that `gatecast drain` asks for.
 */
#ifndef WSD_OPERATION_H
#define WSD_OPERATION_H

#include "base/clock.h"
#include "base/config.h"
#include "wsd/hub.h"
#include "wsd/loop.h"
#include "wsd/overview.h"

/*
 * A drain takes no more joins and closes connections with 1001, so many a
 * second that it lasts OPERATION_DRAIN_MS at most, but never fewer than
 * OPERATION_DRAIN_RATE; then the daemon ends as with SIGTERM.
 */
#define OPERATION_DRAIN_MS 5000
#define OPERATION_DRAIN_RATE 400

struct operation;

struct operation_opts {
	struct loop *loop;
	const struct clock *clock;
	const struct config *config;
	struct hub *hub;
	overview_look *look;
	loop_fn *close_listeners; /* a drain begins */
	loop_fn *stop; /* it is over */
	void *arg; /* of the three */
};

struct operation *operation_new(const struct operation_opts *opts);

/*
 * Takes over a listening socket that was passed to us if it is the one at
 * wsd.control. 1: taken; 0: it is another one; -1: logged.
 */
int operation_adopt(struct operation *op, int fd);

/*
 * Opens what the configuration names and was not passed. 0, or -1 (logged):
 * it cannot be opened. A control socket that only the default asks for is
 * gone without.
 */
int operation_open(struct operation *op);

/* tick_ms since the last one. */
void operation_tick(struct operation *op, int64_t tick_ms);

void operation_free(struct operation *op); /* NULL is legal */

#endif
