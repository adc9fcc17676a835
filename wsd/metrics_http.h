/*
 * wsd.metrics_listen: GET /metrics and GET /healthz over HTTP/1.1, an answer
 * a connection. It takes requests as strictly as the other listener
 * (arrival.h), at most METRICS_HTTP_MAX unfinished ones.
 *
 * /healthz is 200 "ok" while somebody with a session could join, else 503
 * and why.
 */
#ifndef WSD_METRICS_HTTP_H
#define WSD_METRICS_HTTP_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "wsd/loop.h"
#include "wsd/overview.h"

#define METRICS_HTTP_MAX 64

struct metrics_http;

struct metrics_http_opts {
	struct loop *loop;
	const struct clock *clock;
	const struct config *config;
	overview_look *look;
	void *arg;
};

struct metrics_http *metrics_http_new(const struct metrics_http_opts *opts);

/* Opens it at "HOST:PORT". 0 or -1. */
int
metrics_http_open(struct metrics_http *m, const char *where, struct buf *error);

/* A few times a second. */
void metrics_http_tick(struct metrics_http *m);

void metrics_http_free(struct metrics_http *m); /* NULL is legal */

#endif
