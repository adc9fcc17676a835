/*
 * The connections of a run: receivers, of which the first (or with has_acks
 * each in turn) sends, some that are idle, and some that never read. Every
 * message carries a number and the moment it was due, so each delivery is
 * timed and a hole, a repetition and a swap are told from what came before.
 */
#ifndef BENCH_LOAD_CROWD_H
#define BENCH_LOAD_CROWD_H

#include "tests/bench/load/order.h"
#include "tests/lib/hist.h"
#include "tests/lib/ws_client.h"

#include <stdbool.h>
#include <stdint.h>

#define CROWD_WINDOW 16384 /* messages under way at most */

struct crowd_opts {
	struct ws_client_request request; /* of receivers and the stopped */
	struct ws_client_request idle_request;
	int receivers, idle, stopped;
	int size; /* bytes of text a message */
	bool is_json; /* gatecast.v1 in place of plain text */
	bool has_acks; /* each message is one said before: an ack is all */
};

struct crowd {
	const struct crowd_opts *opts;
	struct member *members;
	int epoll_fd;
	uint64_t sent;
	uint64_t completed; /* messages that reached everyone */
	uint64_t arrived; /* deliveries, warm-up and all */
	uint64_t deliveries; /* of messages due since measured_from_ns */
	uint64_t measured_from_ns; /* UINT64_MAX: not yet */
	uint64_t disconnected; /* of receivers and idle; the end of a run */
	struct order_faults faults;
	struct hist latency; /* from due to read, each delivery */
	struct hist to_last; /* from due to the last receiver's read */
	uint16_t reached[CROWD_WINDOW];
	uint64_t due_ns[CROWD_WINDOW];
};

/*
 * Connects all, 64 handshakes under way at a time. Exits with status 2 and
 * the reason on stderr when one is refused or unanswered for 30 s.
 */
void crowd_connect(struct crowd *c, const struct crowd_opts *opts);

/* One wait of at most timeout_ms, and whatever can be read then. */
void crowd_pump(struct crowd *c, int timeout_ms);

/* Sends the next message, which was due at that moment. */
void crowd_send(struct crowd *c, uint64_t due_ns);

/* Nothing more will come: what was sent and did not arrive is lost. */
void crowd_end(struct crowd *c);

#endif
