/*
 * The transport of hub.h on libwebsockets: frames in, bytes out, closing.
 * The only file that knows libwebsockets, and it decides nothing.
 */
#ifndef WSD_TRANSPORT_LWS_H
#define WSD_TRANSPORT_LWS_H

#include "base/clock.h"
#include "wsd/hub.h"
#include "wsd/loop.h"
#include "wsd/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport_lws;

/* For hub_opts.transport. */
const struct transport_ops *transport_lws_ops(void);

/*
 * The hub and the clock must outlive it. The limit of open files must be set
 * before: the library's tables are of that size.
 */
struct transport_lws *transport_lws_new(
    struct loop *loop, struct hub *hub, const struct clock *clock);

/*
 * Answers the handshake (key: the checked Sec-WebSocket-Key, 24 bytes) and
 * joins the connection to the hub; join->conn is filled in here. Takes fd
 * whatever the outcome. 0, or -1: it was closed.
 */
int transport_lws_adopt(struct transport_lws *t, int fd, const char *key,
    size_t key_len, const struct hub_join *join);

/* Pieces of messages received so far: whether there was input. */
uint64_t transport_lws_received(const struct transport_lws *t);

/* Ends what asked for its end since the last call. Once a round. */
void transport_lws_reap(struct transport_lws *t);

/* Cuts those that do not answer a close frame. A few times a second. */
void transport_lws_tick(struct transport_lws *t);

/* Connections that exist, closing ones included. */
size_t transport_lws_count(const struct transport_lws *t);

/* Cuts what is left (hub_gone for each) and frees. NULL is legal. */
void transport_lws_free(struct transport_lws *t);

#endif
