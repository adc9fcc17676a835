/*
 * When the configuration names neither, nothing of it costs more than a look
 * at each tick.
 */
#include "wsd/operation.h"

#include "base/config_table.h"
#include "base/log.h"
#include "wsd/control.h"
#include "wsd/metrics_http.h"

#include <stdlib.h>

#define MS_PER_S 1000

struct operation {
	struct operation_opts o;
	struct control *control;
	bool has_control; /* its socket is open */
	struct metrics_http *metrics;
	size_t drain_rate; /* connections a second; 0: no drain */
};

static void
drain(void *arg)
{
	struct operation *op = arg;
	size_t count = hub_count(op->o.hub);
	size_t rate = count * MS_PER_S / OPERATION_DRAIN_MS + 1;

	if (op->drain_rate > 0)
		return;
	op->drain_rate =
	    rate > OPERATION_DRAIN_RATE ? rate : OPERATION_DRAIN_RATE;
	log_notice("draining: %zu connections", count);
	hub_refuse_joins(op->o.hub);
	op->o.close_listeners(op->o.arg);
}

struct operation *
operation_new(const struct operation_opts *opts)
{
	struct operation *op = calloc(1, sizeof(*op));
	if (op == NULL)
		return NULL;
	op->o = *opts;
	const struct control_opts control = {
	    .loop = opts->loop,
	    .clock = opts->clock,
	    .actions =
		{
		    .hub = opts->hub,
		    .config = opts->config,
		    .look = opts->look,
		    .look_arg = opts->arg,
		    .drain = drain,
		    .drain_arg = op,
		},
	};
	const struct metrics_http_opts metrics = {
	    .loop = opts->loop,
	    .clock = opts->clock,
	    .config = opts->config,
	    .look = opts->look,
	    .arg = opts->arg,
	};
	op->control = control_new(&control);
	op->metrics = metrics_http_new(&metrics);
	if (op->control == NULL || op->metrics == NULL) {
		operation_free(op);
		return NULL;
	}
	return op;
}

int
operation_adopt(struct operation *op, int fd)
{
	struct buf error = BUF_INIT;
	int rc =
	    control_adopt(op->control, fd, op->o.config->wsd.control, &error);

	log_lines(log_err, "wsd.control", buf_str(&error));
	buf_fini(&error);
	if (rc == 1)
		op->has_control = true;
	return rc;
}

static int
open_control(struct operation *op)
{
	const struct config *c = op->o.config;
	struct buf error = BUF_INIT;
	bool is_named = c->lines[config_key_find("wsd", "control")] != 0;

	if (op->has_control || c->wsd.control[0] == '\0')
		return 0;
	int rc = control_open(op->control, c->wsd.control, &error);
	log_lines(
	    is_named ? log_err : log_warn, "wsd.control", buf_str(&error));
	buf_fini(&error);
	return is_named ? rc : 0;
}

int
operation_open(struct operation *op)
{
	const char *where = op->o.config->wsd.metrics_listen;
	struct buf error = BUF_INIT;
	int rc = open_control(op);

	if (rc == 0 && where[0] != '\0')
		rc = metrics_http_open(op->metrics, where, &error);
	log_lines(log_err, "wsd.metrics_listen", buf_str(&error));
	buf_fini(&error);
	return rc;
}

void
operation_tick(struct operation *op, int64_t tick_ms)
{
	control_tick(op->control);
	metrics_http_tick(op->metrics);
	if (op->drain_rate == 0)
		return;
	if (hub_count(op->o.hub) == 0) {
		op->o.stop(op->o.arg);
		return;
	}
	hub_deliver(op->o.hub);
	hub_close_some(op->o.hub, op->drain_rate * (size_t)tick_ms / MS_PER_S,
	    HUB_CLOSE_GOING_AWAY, "shutting down");
}

void
operation_free(struct operation *op)
{
	if (op == NULL)
		return;
	control_free(op->control);
	metrics_http_free(op->metrics);
	free(op);
}
