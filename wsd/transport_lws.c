/*
 * libwebsockets 4.1.6 is the transport: it watches the sockets, reads them,
 * says when one can be written, and closes. It gets them as raw ones, after
 * our own answer to the handshake, because its WebSocket role takes unmasked
 * frames, closes on some errors without a word, and costs 500 bytes a
 * connection and a call for each 128 bytes; and so that its HTTP parser,
 * keep-alive, h2c and CONNECT never see a byte that somebody else chose.
 * What the bytes mean: deframe.c. Writing and closing: transport_lws_conn.c.
 * Its timers are sorted lists; none is ever set.
 */
#include "wsd/transport_lws.h"

#include "base/log.h"
#include "wsd/handshake.h"
#include "wsd/transport_lws_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of one read; the buffer is shared by all connections. */
#define READ_BYTES 16384
#define PROTOCOL "websocket"

/*
 * Debian's library, built with its assertions, looks at each connection's end
 * through a table as long as the limit of open files was when its context was
 * made, 0.5 ns an entry. So there are contexts by descriptor, each for eight
 * times as many as the one before; the kernel gives the lowest that is free,
 * so few connections are in the first and cost little.
 */
#define LAYER_FILES_MIN 1024
#define LAYER_FACTOR 8

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* --- what the library calls ---------------------------------------------- */

/* 0, or -1: the connection ends here. */
static int
on_bytes(struct conn *c, uint8_t *bytes, size_t n)
{
	struct transport_lws *t = c->owner;
	struct deframe_piece p;

	/* Whoever is closing is read on, for the answer or the end. */
	while (c->state == CONN_OPEN || c->state == CONN_CLOSING) {
		bool is_open = c->state == CONN_OPEN && c->client != NULL;
		switch (deframe_next(&c->in, &bytes, &n, &p)) {
		case DEFRAME_MORE:
			return 0;
		case DEFRAME_DATA:
			if (!is_open)
				break;
			t->received++;
			hub_receive(t->hub, c->client,
			    &(struct hub_fragment){
				.bytes = p.bytes,
				.n = p.n,
				.remaining = p.remaining,
				.is_first = p.is_first,
				.is_final = p.is_final,
				.is_binary = p.is_binary,
			    });
			break;
		case DEFRAME_PING:
			if (is_open && hub_ping(t->hub, c->client))
				conn_pong(c, p.bytes, p.n);
			break;
		case DEFRAME_PONG:
			if (is_open)
				hub_pong(c->client);
			break;
		case DEFRAME_CLOSE:
			if (is_open)
				hub_closing(t->hub, c->client, 0);
			return conn_answer_close(c, p.code);
		case DEFRAME_FAILED:
			if (c->state != CONN_OPEN)
				return -1;
			if (is_open)
				hub_closing(t->hub, c->client, p.code);
			conn_fail(c, p.code, p.reason);
			break;
		}
	}
	return 0;
}

static void
on_gone(struct conn *c)
{
	struct transport_lws *t = c->owner;
	struct client *client = c->client;
	TAILQ_REMOVE(conn_list_of(c), c, entry);
	t->count--;
	deframe_fini(&c->in);
	free(c->rest);
	free(c);
	if (client != NULL)
		hub_gone(t->hub, client);
}

/*
 * Without memory for what libuv needs to watch a socket, the library closes
 * the connection and waits for libuv to say that it is closed, which libuv
 * has never heard of: the descriptor stays, and the library would wait for
 * it at its end. The peer at least is told.
 */
static void
on_not_adopted(struct conn *c)
{
	c->owner->is_stuck = true;
	shutdown(c->fd, SHUT_RDWR);
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct conn *c = lws_get_opaque_user_data(wsi);

	(void)user;
	if (c == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_RAW_RX:
		return on_bytes(c, in, len);
	case LWS_CALLBACK_RAW_WRITEABLE:
		if (conn_resume(c) && c->client != NULL)
			hub_writable(c->owner->hub, c->client);
		return 0;
	case LWS_CALLBACK_RAW_CLOSE:
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		if (c->wsi == NULL)
			on_not_adopted(c);
		else
			on_gone(c);
		return 0;
	default:
		return 0;
	}
}

/* --- the rest ------------------------------------------------------------ */

static const struct lws_protocols protocols[] = {
    {PROTOCOL, callback, 0, 0, 0, NULL, 0},
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
destroy_layers(struct transport_lws *t)
{
	for (size_t i = 0; i < t->layer_count; i++)
		lws_context_destroy(t->layers[i].context);
	for (int rounds = 0; rounds < 10; rounds++)
		loop_run_once(t->loop);
	for (size_t i = 0; i < t->layer_count; i++)
		if (t->layers[i].context != NULL)
			lws_context_destroy(t->layers[i].context);
}

static int
open_layer(struct transport_lws *t, struct transport_lws_layer *l)
{
	/* All zero: no validity pings, which are kept in a sorted list. */
	static const lws_retry_bo_t no_retry;

	void *loops[1] = {loop_native(t->loop)};
	struct lws_context_creation_info info = {
	    .port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .protocols = protocols,
	    .options =
		LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	    .foreign_loops = loops,
	    .user = t,
	    .pcontext = &l->context,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .retry_and_idle_policy = &no_retry,
	    .pt_serv_buf_size = READ_BYTES,
	};
	l->context = lws_create_context(&info);
	if (l->context == NULL)
		return -1;
	t->layer_count++;
	l->vhost = lws_create_vhost(l->context, &info);
	return l->vhost == NULL ? -1 : 0;
}

/* The library takes the limit of open files for the size of its table. */
static int
open_layers(struct transport_lws *t)
{
	struct rlimit files, fewer;
	rlim_t want = LAYER_FILES_MIN;
	int rc = 0;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < TRANSPORT_LWS_LAYERS; i++) {
		bool is_last =
		    i == TRANSPORT_LWS_LAYERS - 1 || want >= files.rlim_cur;
		fewer = files;
		if (!is_last)
			fewer.rlim_cur = want;
		t->layers[i].fd_end = (int)fewer.rlim_cur;
		rc = setrlimit(RLIMIT_NOFILE, &fewer);
		if (rc == 0)
			rc = open_layer(t, &t->layers[i]);
		if (is_last)
			break;
		want *= LAYER_FACTOR;
	}
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		return -1;
	return rc;
}

static struct lws_vhost *
vhost_for(const struct transport_lws *t, int fd)
{
	size_t i = 0;
	while (i + 1 < t->layer_count && fd >= t->layers[i].fd_end)
		i++;
	return t->layers[i].vhost;
}

const struct transport_ops *
transport_lws_ops(void)
{
	return &conn_ops;
}

struct transport_lws *
transport_lws_new(struct loop *loop, struct hub *hub, const struct clock *clock)
{
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
	if (open_layers(t) == 0)
		return t;
	destroy_layers(t);
	log_err("libwebsockets could not be started (is "
		"libwebsockets-evlib-uv installed?)");
	free(t);
	return NULL;
}

/* The answer that makes it a WebSocket (RFC 6455 §4.2.2). 0 or -1. */
static int
answer(struct transport_lws *t, int fd, const char *key, size_t key_len,
    enum hub_protocol protocol)
{
	char accept[32];
	unsigned char hash[20];
	struct buf *out = &t->answer;
	/* The hello follows within this round: both go in one segment. */
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT |
	    (protocol == HUB_GATECAST ? MSG_MORE : 0);

	buf_reset(out);
	buf_append(out, key, key_len);
	if (buf_puts(out, guid) == -1)
		return -1;
	lws_SHA1((unsigned char *)out->data, out->len, hash);
	lws_b64_encode_string(
	    (char *)hash, sizeof(hash), accept, sizeof(accept));
	buf_reset(out);
	buf_puts(out,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ");
	buf_puts(out, accept);
	if (protocol == HUB_GATECAST)
		buf_puts(
		    out, "\r\nSec-WebSocket-Protocol: " HANDSHAKE_SUBPROTOCOL);
	if (buf_puts(out, "\r\n\r\n") == -1)
		return -1;
	/* A fresh socket has room for it. */
	return send(fd, out->data, out->len, flags) == (ssize_t)out->len ? 0
									 : -1;
}

int
transport_lws_adopt(struct transport_lws *t, int fd, const char *key,
    size_t key_len, const struct hub_join *join)
{
	if (answer(t, fd, key, key_len, join->protocol) == -1) {
		close(fd);
		return -1;
	}
	struct conn *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		close(fd);
		return -1;
	}
	c->owner = t;
	c->fd = fd;
	c->wsi = lws_adopt_descriptor_vhost_via_info(&(lws_adopt_desc_t){
	    .vh = vhost_for(t, fd),
	    .type = LWS_ADOPT_SOCKET,
	    .fd.sockfd = fd,
	    .vh_prot_name = PROTOCOL,
	    .opaque = c,
	});
	if (c->wsi == NULL) { /* it has taken fd all the same */
		free(c);
		return -1;
	}
	struct hub_join with_conn = *join;
	TAILQ_INSERT_TAIL(&t->open, c, entry);
	t->count++;
	with_conn.conn = c;
	if (hub_join(t->hub, &with_conn, &c->client) == HUB_OK)
		return 0;
	/* It was asked a moment ago and said yes: no memory. */
	c->client = NULL;
	conn_close(c, HUB_CLOSE_OVERLOADED, "no memory");
	return -1;
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
	if (!t->is_stuck)
		destroy_layers(t);
	buf_fini(&t->answer);
	free(t);
}
