/*
 * An answer is made whole at once; who is slow to take it gets the rest from
 * sendoff.h, and what it says is as of when it was asked for.
 */
#include "wsd/metrics_http.h"

#include "wsd/arrival.h"
#include "wsd/listener.h"
#include "wsd/metrics.h"
#include "wsd/sendoff.h"

#include <stdlib.h>
#include <string.h>

struct metrics_http {
	struct metrics_http_opts o;
	struct arrivals *arrivals;
	struct sendoffs *sendoffs;
	struct listeners *listeners;
};

/* Takes fd. */
static void
answer(struct metrics_http *m, int fd, const char *type, const struct buf *body)
{
	struct buf out = BUF_INIT;

	buf_printf(&out,
	    "HTTP/1.1 200 OK\r\n"
	    "Connection: close\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "\r\n",
	    type, body->len);
	buf_append(&out, buf_str(body), body->len);
	out.has_failed |= body->has_failed;
	sendoffs_add(m->sendoffs, fd, &out);
}

static bool
is_path(const struct handshake_request *r, const char *path)
{
	return r->path.n == strlen(path) &&
	    memcmp(r->path.bytes, path, r->path.n) == 0;
}

static int
decide(void *arg, int fd, const struct handshake_request *r, const char **why)
{
	struct metrics_http *m = arg;
	struct overview o;
	struct buf body = BUF_INIT;
	bool is_metrics = is_path(r, "/metrics");

	if (!is_metrics && !is_path(r, "/healthz")) {
		*why = "there are /metrics and /healthz";
		return 404;
	}
	if (!r->is_get) {
		*why = "GET only";
		return 405;
	}
	if (r->has_body) {
		*why = "a body is not wanted";
		return 400;
	}
	m->o.look(m->o.arg, &o);
	if (is_metrics) {
		metrics_format(&body, &o);
	} else if (o.refusal != NULL) {
		*why = o.refusal;
		return 503;
	} else {
		buf_puts(&body, "ok\n");
	}
	answer(m, fd,
	    is_metrics ? METRICS_CONTENT_TYPE : "text/plain; charset=utf-8",
	    &body);
	buf_fini(&body);
	return 0;
}

static void
on_accept(void *arg, int fd, const char *peer)
{
	struct metrics_http *m = arg;

	arrivals_add(m->arrivals, fd, peer);
}

struct metrics_http *
metrics_http_new(const struct metrics_http_opts *opts)
{
	struct metrics_http *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->o = *opts;
	const struct arrivals_opts arrivals = {
	    .loop = opts->loop,
	    .clock = opts->clock,
	    .config = opts->config,
	    .decide = decide,
	    .arg = m,
	    .max = METRICS_HTTP_MAX,
	};
	m->arrivals = arrivals_new(&arrivals);
	m->sendoffs = sendoffs_new(opts->loop, opts->clock);
	m->listeners = listeners_new(opts->loop, opts->clock, on_accept, m);
	if (m->arrivals == NULL || m->sendoffs == NULL ||
	    m->listeners == NULL) {
		metrics_http_free(m);
		return NULL;
	}
	return m;
}

int
metrics_http_open(struct metrics_http *m, const char *where, struct buf *error)
{
	return listeners_open(m->listeners, where, error);
}

void
metrics_http_tick(struct metrics_http *m)
{
	arrivals_tick(m->arrivals);
	sendoffs_tick(m->sendoffs);
}

void
metrics_http_free(struct metrics_http *m)
{
	if (m == NULL)
		return;
	listeners_free(m->listeners);
	arrivals_free(m->arrivals);
	sendoffs_free(m->sendoffs);
	free(m);
}
