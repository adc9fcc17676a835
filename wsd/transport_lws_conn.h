/*
 * One connection of transport_lws: its states, writing and closing. Between
 * transport_lws.c and transport_lws_conn.c alone.
 */
#ifndef WSD_TRANSPORT_LWS_CONN_H
#define WSD_TRANSPORT_LWS_CONN_H

#include "base/buf.h"
#include "base/clock.h"
#include "wsd/deframe.h"
#include "wsd/hub.h"
#include "wsd/loop.h"
#include "wsd/transport.h"

#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum conn_state {
	CONN_OPEN,
	CONN_CLOSING, /* our close frame is written; the peer's is awaited */
	CONN_FAILED, /* the same, and nothing more is a frame */
	CONN_DOOMED, /* transport_lws_reap cuts it */
};

/* What the kernel did not take. */
struct conn_rest {
	size_t sent;
	size_t n;
	size_t pong; /* where the last pong begins; 0: there is none */
	uint8_t bytes[];
};

/*
 * The library's opaque user data. What a write looks at stands first: one
 * cache line, fetched ahead (fanout.c).
 */
struct conn {
	struct conn_rest *rest; /* NULL: everything is written */
	enum conn_state state;
	int fd;
	struct lws *wsi; /* NULL: not yet adopted */
	struct transport_lws *owner;
	struct client *client; /* NULL: unknown to the hub */
	TAILQ_ENTRY(conn) entry; /* in the list of its state */
	int64_t deadline_ms; /* while closing */
	struct deframe in;
};

TAILQ_HEAD(conn_list, conn);

/* Connections with descriptors below fd_end; see transport_lws.c. */
struct transport_lws_layer {
	struct lws_context *context;
	struct lws_vhost *vhost;
	int fd_end;
};

#define TRANSPORT_LWS_LAYERS 3

struct transport_lws {
	struct transport_lws_layer layers[TRANSPORT_LWS_LAYERS];
	size_t layer_count;
	struct loop *loop;
	struct hub *hub;
	const struct clock *clock;
	size_t count;
	uint64_t received;
	bool is_stuck; /* the contexts would not end; see on_not_adopted */
	struct buf answer; /* to a handshake, while it is made */
	struct conn_list open, closing, doomed; /* by conn.state */
};

void conn_set_state(struct conn *c, enum conn_state state);

/* The list of its state. */
struct conn_list *conn_list_of(struct conn *c);

/* For transport_lws_ops. */
extern const struct transport_ops conn_ops;

/* transport_ops.close */
void conn_close(void *conn, uint16_t code, const char *reason);

/*
 * The peer broke the protocol: the same, and the stream ends behind it
 * (RFC 6455 §7.1.7).
 */
void conn_fail(struct conn *c, uint16_t code, const char *reason);

/*
 * The peer's close frame: the answer to ours, or the first, which gets its
 * code back (0: none). 0, or -1: everything is written, it can end here.
 */
int conn_answer_close(struct conn *c, uint16_t code);

/* Answers a ping; of those that wait for an answer, the last (§5.5.3). */
void conn_pong(struct conn *c, const uint8_t *payload, size_t n);

/* Writes on what waits. Whether the hub can write now. */
bool conn_resume(struct conn *c);

/* Closes at once; its callback comes before this returns. */
void conn_cut(struct conn *c);

#endif
