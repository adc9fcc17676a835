/*
 * One connection of transport_lws: its states, writing and closing. Between
 * transport_lws.c and transport_lws_conn.c alone.
 */
#ifndef WSD_TRANSPORT_LWS_CONN_H
#define WSD_TRANSPORT_LWS_CONN_H

#include "base/clock.h"
#include "wsd/framed.h"
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
	CONN_CLOSING, /* nothing is written any more */
	CONN_DOOMED, /* transport_lws_reap cuts it */
};

/* Zeroed by libwebsockets, which owns the memory (per_session_data). */
struct conn {
	struct transport_lws *owner;
	struct lws *wsi;
	struct client *client; /* NULL: unknown to the hub */
	TAILQ_ENTRY(conn) entry; /* in the list of its state */
	int64_t deadline_ms; /* while closing */
	enum conn_state state;
	struct framed framed; /* with transport_lws_ops(true) */
};

TAILQ_HEAD(conn_list, conn);

struct transport_lws {
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct loop *loop;
	struct hub *hub;
	const struct clock *clock;
	const struct hub_join *joining; /* during adopt */
	bool has_joined;
	size_t count;
	uint64_t received;
	struct conn_list open, closing, doomed; /* by conn.state */
};

void conn_set_state(struct conn *c, enum conn_state state);

/* The list of its state. */
struct conn_list *conn_list_of(struct conn *c);

/*
 * Writes a close frame with that payload (at most 125 bytes) behind whatever
 * is still buffered. 0, or -1: it cannot be written any more.
 */
int conn_write_close(struct conn *c, const uint8_t *payload, size_t n);

/* Nothing more is written; it is cut when the peer does not end it. */
void conn_await_end(struct conn *c);

/* transport_ops.close */
void conn_close(void *conn, uint16_t code, const char *reason);

/* Writes on what waits (framed). Whether there is room for more. */
bool conn_resume(struct conn *c);

/* Closes at once; its callback comes before this returns. */
void conn_cut(struct conn *c);

#endif
