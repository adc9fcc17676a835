/*
 * libwebsockets 4.1.6 reads frames, checks UTF-8 and keeps the rest of a
 * write that the kernel did not take whole. What it is kept away from:
 *
 * - Requests. It gets one that we wrote ourselves, after the stranger's was
 *   let in, so its HTTP parser, keep-alive, h2c and CONNECT never see a byte
 *   that somebody else chose.
 * - Writing frames and closing: see transport_lws_conn.c.
 * - Timers: sorted lists. None is ever set.
 */
#include "wsd/transport_lws.h"

#include "base/log.h"
#include "wsd/transport_lws_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Of a frame in one read, and kept for each connection; at least a control
 * frame's 125. A long message takes more reads, which is little beside
 * sending it to everyone.
 */
#define RX_BYTES 128
/* Above any write, so that none is cut into pieces. */
#define TX_BYTES 65536

/* --- what the library calls ---------------------------------------------- */

static int
on_established(struct transport_lws *t, struct lws *wsi, struct conn *c)
{
	struct hub_join join = *t->joining;
	c->owner = t;
	c->wsi = wsi;
	TAILQ_INSERT_TAIL(&t->open, c, entry);
	t->count++;
	join.conn = c;
	if (hub_join(t->hub, &join, &c->client) != HUB_OK) {
		/* It was asked a moment ago and said yes: no memory. */
		c->client = NULL;
		conn_close(c, HUB_CLOSE_OVERLOADED, "no memory");
		return 0;
	}
	t->has_joined = true;
	return 0;
}

static void
on_receive(struct conn *c, const void *in, size_t len)
{
	if (c->state != CONN_OPEN || c->client == NULL)
		return;
	const struct hub_fragment f = {
	    .bytes = in,
	    .n = len,
	    .remaining = lws_remaining_packet_payload(c->wsi),
	    .is_first = lws_is_first_fragment(c->wsi) != 0,
	    .is_final = lws_is_final_fragment(c->wsi) != 0,
	    .is_binary = lws_frame_is_binary(c->wsi) != 0,
	};
	c->owner->received++;
	hub_receive(c->owner->hub, c->client, &f);
}

/* Which codes may stand in a close frame (RFC 6455 §7.4). */
static bool
is_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
		   code != 1006) ||
	    (code >= 3000 && code <= 4999);
}

/*
 * The peer's close frame: the answer to ours, or the first, which gets its
 * code back. Always -1, which ends the connection without a frame of the
 * library's own.
 */
static int
on_peer_close(struct conn *c, const uint8_t *in, size_t len)
{
	if (c->state != CONN_OPEN)
		return -1;
	uint8_t payload[2] = {0};
	size_t n = 0;
	if (len > 0) {
		unsigned code = len >= 2 ? (unsigned)in[0] << 8 | in[1] : 0;
		if (!is_close_code(code))
			code = 1002;
		payload[0] = (uint8_t)(code >> 8);
		payload[1] = (uint8_t)code;
		n = sizeof(payload);
	}
	conn_write_close(c, payload, n);
	conn_await_end(c);
	return -1;
}

static void
forget(struct conn *c)
{
	if (c == NULL || c->owner == NULL)
		return;
	struct transport_lws *t = c->owner;
	struct client *client = c->client;
	TAILQ_REMOVE(conn_list_of(c), c, entry);
	t->count--;
	framed_fini(&c->framed);
	memset(c, 0, sizeof(*c));
	if (client != NULL)
		hub_gone(t->hub, client);
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct transport_lws *t = lws_context_user(lws_get_context(wsi));
	struct conn *c = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		/* Never positive: that would keep the connection for a
		 * second request. Only our own request gets here. */
		return t->joining != NULL && strcmp(in, "websocket") == 0 ? 0
									  : -1;
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_RAW_ADOPT:
		return -1;
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(t, wsi, c);
	case LWS_CALLBACK_RECEIVE:
		on_receive(c, in, len);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		if (c->state == CONN_OPEN && c->client != NULL)
			hub_pong(t->hub, c->client);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (c->state != CONN_OPEN || lws_partial_buffered(wsi))
			return 0;
		if (conn_resume(c) && c->client != NULL)
			hub_writable(t->hub, c->client);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_peer_close(c, in, len);
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
		/* The library begins to close, for an error of the peer's. */
		if (c != NULL && c->owner != NULL && c->state == CONN_OPEN)
			conn_await_end(c);
		return 0;
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY:
		forget(c);
		return 0;
	default:
		return 0;
	}
}

/* --- the rest ------------------------------------------------------------ */

static const struct lws_protocols protocols[] = {
    /* The first is taken when the client asked for none. */
    {"plain", callback, sizeof(struct conn), RX_BYTES, 0, NULL, TX_BYTES},
    {"gatecast.v1", callback, sizeof(struct conn), RX_BYTES, 0, NULL, TX_BYTES},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/*
 * Its errors are about its own state; its warnings are about what a client
 * did, which is no news.
 */
static void
on_library_log(int level, const char *line)
{
	int n = (int)strcspn(line, "\n");
	if (level == LLL_ERR)
		log_warn("libwebsockets: %.*s", n, line);
	else
		log_debug("libwebsockets: %.*s", n, line);
}

static void
set_library_log(void)
{
	lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
}

/*
 * In two steps on a loop that is not its own: its handles close in rounds
 * of the loop, and what they used goes after that.
 */
static void
destroy_context(struct transport_lws *t)
{
	lws_context_destroy(t->context);
	for (int rounds = 0; rounds < 10; rounds++)
		loop_run_once(t->loop);
	if (t->context != NULL)
		lws_context_destroy(t->context);
}

struct transport_lws *
transport_lws_new(struct loop *loop, struct hub *hub, const struct clock *clock)
{
	/* All zero: no validity pings, which are kept in a sorted list. */
	static const lws_retry_bo_t no_retry;

	struct transport_lws *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->loop = loop;
	t->hub = hub;
	t->clock = clock;
	TAILQ_INIT(&t->open);
	TAILQ_INIT(&t->closing);
	TAILQ_INIT(&t->doomed);

	set_library_log();
	void *loops[1] = {loop_native(loop)};
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .protocols = protocols,
	    .options = LWS_SERVER_OPTION_LIBUV |
		LWS_SERVER_OPTION_VALIDATE_UTF8 |
		LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	    .foreign_loops = loops,
	    .user = t,
	    .pcontext = &t->context,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .retry_and_idle_policy = &no_retry,
	    .max_http_header_pool = 1024,
	    .max_http_header_data = 1024, /* of the request we write */
	};
	t->context = lws_create_context(&info);
	if (t->context == NULL)
		goto err0;
	t->vhost = lws_create_vhost(t->context, &info);
	if (t->vhost == NULL)
		goto err1;
	return t;

err1:
	destroy_context(t);
err0:
	log_err("libwebsockets could not be started (is "
		"libwebsockets-evlib-uv installed?)");
	free(t);
	return NULL;
}

int
transport_lws_adopt(struct transport_lws *t, int fd, const char *key,
    size_t key_len, const struct hub_join *join)
{
	char request[512];
	int n = snprintf(request, sizeof(request),
	    "GET /websocket HTTP/1.1\r\n"
	    "Host: localhost\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: %.*s\r\n"
	    "%s"
	    "\r\n",
	    (int)key_len, key,
	    join->protocol == HUB_GATECAST
		? "Sec-WebSocket-Protocol: gatecast.v1\r\n"
		: "");
	if (n < 0 || (size_t)n >= sizeof(request)) {
		close(fd);
		return -1;
	}
	t->joining = join;
	t->has_joined = false;
	/* The answer is written and the hub joined before it returns. It
	 * logs that as an error each time. */
	lws_set_log_level(0, on_library_log);
	lws_adopt_socket_vhost_readbuf(t->vhost, fd, request, (size_t)n);
	set_library_log();
	t->joining = NULL;
	return t->has_joined ? 0 : -1;
}

void
transport_lws_reap(struct transport_lws *t)
{
	/* Those that are doomed while it runs wait for the next round, so
	 * that one that would not go could not hold up the loop. */
	struct conn *last = TAILQ_LAST(&t->doomed, conn_list);
	struct conn *c, *next;
	for (c = TAILQ_FIRST(&t->doomed); c != NULL; c = next) {
		next = c == last ? NULL : TAILQ_NEXT(c, entry);
		conn_cut(c);
	}
}

void
transport_lws_tick(struct transport_lws *t)
{
	int64_t now = clock_mono_ms(t->clock);
	struct conn *c;
	while ((c = TAILQ_FIRST(&t->closing)) != NULL && c->deadline_ms <= now)
		conn_set_state(c, CONN_DOOMED);
	transport_lws_reap(t);
}

void
transport_lws_close_all(
    struct transport_lws *t, uint16_t code, const char *reason)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&t->open)) != NULL)
		conn_close(c, code, reason);
}

size_t
transport_lws_count(const struct transport_lws *t)
{
	return t->count;
}

uint64_t
transport_lws_received(const struct transport_lws *t)
{
	return t->received;
}

void
transport_lws_free(struct transport_lws *t)
{
	struct conn *c, *next;
	if (t == NULL)
		return;
	while ((c = TAILQ_FIRST(&t->open)) != NULL)
		conn_set_state(c, CONN_DOOMED);
	while ((c = TAILQ_FIRST(&t->closing)) != NULL)
		conn_set_state(c, CONN_DOOMED);
	for (c = TAILQ_FIRST(&t->doomed); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		conn_cut(c);
	}
	destroy_context(t);
	free(t);
}
