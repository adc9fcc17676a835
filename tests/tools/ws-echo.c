/*
 * What wsd does with bytes, for conformance suites: its listener, handshake
 * and receive path, with an echo in the hub's place. Every message comes back
 * as it is, text and binary, in one frame.
 *
 * A suite asks for any path and sends no cookie, so what wsd would miss in a
 * request is put there before it is judged; the rest of the handshake is as
 * strict as wsd's. This file defines the functions of wsd/hub.h that the
 * transport calls, so the linker leaves the hub out.
 */
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "wsd/arrival.h"
#include "wsd/frame.h"
#include "wsd/listener.h"
#include "wsd/loop.h"
#include "wsd/transport_lws.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 250
#define ORIGIN "http://localhost"
/* Echoes that one connection may have unsent, in longest messages. */
#define UNSENT_MESSAGES 4

struct hub {
	const struct transport_ops *transport;
	uint64_t message_bytes;
	int64_t message_ms; /* from its first byte to its last; 0: no limit */
	struct client *unfinished; /* whose message has begun */
};

struct client {
	void *conn;
	struct client *prev, *next; /* of the unfinished */
	int64_t since_ms;
	struct buf message;
	struct buf out; /* frames not handed on yet */
};

struct echo {
	struct config config;
	struct hub hub;
	struct loop *loop;
	struct transport_lws *transport;
	struct arrivals *arrivals;
};

static void
forget_unfinished(struct hub *h, struct client *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else if (h->unfinished == c)
		h->unfinished = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->prev = c->next = NULL;
}

static void
note_unfinished(struct hub *h, struct client *c)
{
	c->since_ms = clock_mono_ms(clock_system());
	c->next = h->unfinished;
	if (c->next != NULL)
		c->next->prev = c;
	h->unfinished = c;
}

static void
hang_up(struct hub *h, struct client *c, uint16_t code, const char *reason)
{
	buf_reset(&c->out);
	h->transport->close(c->conn, code, reason);
}

/* Hands on what it can. */
static void
push(struct hub *h, struct client *c)
{
	while (c->out.len > 0) {
		struct transport_taken taken;
		switch (h->transport->write(c->conn,
		    (const uint8_t *)c->out.data, c->out.len, &taken)) {
		case TRANSPORT_OK:
			c->out.len -= taken.bytes;
			memmove(
			    c->out.data, c->out.data + taken.bytes, c->out.len);
			break;
		case TRANSPORT_BUSY:
			h->transport->want_write(c->conn);
			return;
		case TRANSPORT_GONE:
			buf_reset(&c->out);
			return;
		}
	}
	buf_fini(&c->out);
}

enum hub_err
hub_join(struct hub *h, const struct hub_join *join, struct client **out)
{
	(void)h;
	struct client *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return HUB_NOMEM;
	c->conn = join->conn;
	*out = c;
	return HUB_OK;
}

void
hub_receive(struct hub *h, struct client *c, const struct hub_fragment *f)
{
	uint64_t max = h->message_bytes;
	size_t used = c->message.len;

	if (used > max || f->n > max - used ||
	    f->remaining > max - used - f->n) {
		hang_up(h, c, HUB_CLOSE_TOO_LONG, "too long");
		return;
	}
	if (f->is_first)
		note_unfinished(h, c);
	buf_append(&c->message, f->bytes, f->n);
	if (f->is_final) {
		uint8_t header[FRAME_HEADER_MAX];
		size_t n = frame_header(header,
		    f->is_binary ? FRAME_BINARY : FRAME_TEXT, c->message.len);
		buf_append(&c->out, header, n);
		buf_append(&c->out, c->message.data, c->message.len);
		forget_unfinished(h, c);
	}
	if (c->message.has_failed || c->out.has_failed ||
	    c->out.len > UNSENT_MESSAGES * (max + FRAME_HEADER_MAX)) {
		hang_up(h, c, HUB_CLOSE_OVERLOADED, "overloaded");
		return;
	}
	if (f->is_final) {
		buf_fini(&c->message);
		push(h, c);
	}
}

bool
hub_ping(struct hub *h, struct client *c)
{
	(void)h;
	(void)c;
	return true;
}

void
hub_pong(struct client *c)
{
	(void)c;
}

void
hub_writable(struct hub *h, struct client *c)
{
	push(h, c);
}

/* What is written after it is not taken. */
void
hub_closing(struct hub *h, struct client *c, uint16_t code)
{
	(void)h;
	(void)c;
	(void)code;
}

void
hub_gone(struct hub *h, struct client *c)
{
	forget_unfinished(h, c);
	buf_fini(&c->message);
	buf_fini(&c->out);
	free(c);
}

/* --- the program --------------------------------------------------------- */

static int
decide(
    void *arg, int fd, const struct handshake_request *asked, const char **why)
{
	struct echo *e = arg;
	struct handshake_request r = *asked;
	struct handshake_accept a;

	r.path = (struct handshake_bytes){
	    HANDSHAKE_PATH, sizeof(HANDSHAKE_PATH) - 1};
	r.has_query = false;
	r.query.n = 0;
	r.protocols.n = 0;
	r.origin.line[0] = (struct handshake_bytes){ORIGIN, sizeof(ORIGIN) - 1};
	if (r.origin.n == 0)
		r.origin.n = 1;
	r.cookies[0] = (struct cookie_header){"gatecast=x", 10};
	r.cookie_count = 1;
	int status = handshake_check(&r, &e->config, &a, why);
	if (status != 0)
		return status;
	const struct hub_join join = {.protocol = HUB_PLAIN};
	transport_lws_adopt(e->transport, fd, a.key.bytes, a.key.n, &join);
	return 0;
}

static void
on_accept(void *arg, int fd, const char *peer)
{
	struct echo *e = arg;
	arrivals_add(e->arrivals, fd, peer);
}

static void
on_turn_end(void *arg)
{
	struct echo *e = arg;
	transport_lws_reap(e->transport);
}

static void
on_tick(void *arg)
{
	struct echo *e = arg;
	struct hub *h = &e->hub;
	int64_t now = clock_mono_ms(clock_system());

	for (struct client *c = h->unfinished, *next; c != NULL; c = next) {
		next = c->next;
		if (h->message_ms == 0 || now - c->since_ms < h->message_ms)
			continue;
		forget_unfinished(h, c);
		hang_up(h, c, HUB_CLOSE_TOO_SLOW, "message unfinished");
	}
	transport_lws_tick(e->transport);
	arrivals_tick(e->arrivals);
}

static void
on_stop(void *arg)
{
	struct echo *e = arg;
	loop_stop(e->loop);
}

static int
run(struct echo *e, const char *where)
{
	struct buf error = BUF_INIT;
	const struct clock *clock = clock_system();
	int rc = -1;

	e->loop = loop_new();
	e->hub.transport = transport_lws_ops();
	e->transport = transport_lws_new(e->loop, &e->hub, clock);
	e->arrivals = arrivals_new(&(struct arrivals_opts){
	    .loop = e->loop,
	    .clock = clock,
	    .config = &e->config,
	    .decide = decide,
	    .arg = e,
	});
	struct listeners *ls = listeners_new(e->loop, clock, on_accept, e);
	struct loop_timer *tick = loop_timer_new(e->loop, on_tick, e);
	if (listeners_open(ls, where, &error) == 0 &&
	    loop_on_signal(e->loop, SIGTERM, on_stop, e) == 0 &&
	    loop_on_signal(e->loop, SIGINT, on_stop, e) == 0) {
		loop_on_turn_end(e->loop, on_turn_end, e);
		loop_timer_set(tick, TICK_MS, TICK_MS);
		loop_run(e->loop);
		loop_on_turn_end(e->loop, NULL, NULL);
		rc = 0;
	}
	fputs(buf_str(&error), stderr);
	buf_fini(&error);
	loop_timer_free(tick);
	listeners_free(ls);
	arrivals_free(e->arrivals);
	transport_lws_free(e->transport);
	loop_free(e->loop);
	return rc;
}

static void
usage(void)
{
	fputs("usage: ws-echo [--port N] [--max-message BYTES] "
	      "[--message-timeout S] [--handshake-timeout S]\n",
	    stderr);
	exit(2);
}

static int64_t
number(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || n < 0)
		usage();
	return n;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"port", required_argument, NULL, 'p'},
	    {"max-message", required_argument, NULL, 'm'},
	    {"message-timeout", required_argument, NULL, 't'},
	    {"handshake-timeout", required_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	static const char text[] = "[site]\norigins = " ORIGIN "\n"
				   "[login]\nplain_http = yes\n";
	struct echo e = {.hub.message_bytes = 16 << 20};
	struct buf error = BUF_INIT;
	int64_t port = 9001, handshake_s = 5;
	char where[32];
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'p')
			port = number(optarg);
		else if (opt == 'm')
			e.hub.message_bytes = (uint64_t)number(optarg);
		else if (opt == 't')
			e.hub.message_ms = number(optarg) * 1000;
		else if (opt == 'h')
			handshake_s = number(optarg);
		else
			usage();
	}
	if (optind != argc)
		usage();
	const struct log_opts log = {
	    .ident = "ws-echo", .level = LOG_LEVEL_NOTICE};
	log_init(&log);
	if (config_parse(&e.config, "ws-echo", text, strlen(text), &error) ==
	    -1) {
		fputs(buf_str(&error), stderr);
		return EXIT_FAILURE;
	}
	e.config.wsd.handshake_timeout_s = handshake_s;
	signal(SIGPIPE, SIG_IGN);
	snprintf(where, sizeof(where), "127.0.0.1:%lld", (long long)port);
	int rc = run(&e, where);
	config_fini(&e.config);
	return rc == 0 ? 0 : EXIT_FAILURE;
}
