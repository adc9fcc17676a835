/*
 * Who knows whom: listeners hand connections to arrivals, which ask admission
 * whether a request may join; who may goes to the transport, which joins it
 * to the hub. Nothing below knows anything above it.
 */
#include "wsd/server.h"

#include "auth/crypto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sandbox.h"
#include "wsd/admission.h"
#include "wsd/arrival.h"
#include "wsd/flusher.h"
#include "wsd/history.h"
#include "wsd/hub.h"
#include "wsd/listener.h"
#include "wsd/loop.h"
#include "wsd/open_files.h"
#include "wsd/operation.h"
#include "wsd/reload.h"
#include "wsd/revocation.h"
#include "wsd/transport_lws.h"

#include <signal.h>
#include <stdint.h>

#define TICK_MS 250
/* From SIGTERM to the end, whatever the clients do. */
#define DRAIN_MS 4000
/* Of that, for requests that are not complete: each gets its 503. */
#define DRAIN_ARRIVALS_MS 1000

struct server {
	const struct server_opts *o;
	const struct clock *clock;
	struct loop *loop;
	struct history *history; /* NULL: none is kept on disk */
	struct hub *hub;
	struct transport_lws *transport;
	struct revocation *revocation;
	struct admission admission;
	struct arrivals *arrivals;
	struct listeners *listeners;
	struct flusher flusher;
	struct operation *operation;
	struct loop_timer *tick;
	int64_t started_ms;
	int64_t watchdog_ms; /* 0: none */
	int64_t watchdog_sent_ms;
	uint64_t received; /* input seen up to the last turn */
	bool is_draining;
	int64_t drain_end_ms;
};

static void
on_accept(void *arg, int fd, const char *peer)
{
	struct server *s = arg;
	arrivals_add(s->arrivals, fd, peer);
}

static void
look(void *arg, struct overview *out)
{
	struct server *s = arg;

	*out = (struct overview){
	    .started_ms = s->started_ms,
	    .is_store_available = revocation_is_available(s->revocation),
	    .refusal = admission_refusal(&s->admission),
	};
	arrivals_get_stats(s->arrivals, &out->arrivals);
	if (s->history != NULL)
		history_get_stats(s->history, &out->history);
	hub_get_stats(s->hub, &out->hub);
	hub_get_memory(s->hub, &out->memory);
}

static void
on_store_expired(void *arg)
{
	struct server *s = arg;
	if (hub_count(s->hub) == 0)
		return;
	log_err("sessions store: still unavailable, closing %zu connections",
	    hub_count(s->hub));
	hub_close_some(
	    s->hub, SIZE_MAX, HUB_CLOSE_OVERLOADED, "store unavailable");
}

static void
close_listeners(void *arg)
{
	struct server *s = arg;

	listeners_free(s->listeners);
	s->listeners = NULL;
}

static bool
is_all_over(const struct server *s)
{
	int64_t left_ms = s->drain_end_ms - clock_mono_ms(s->clock);

	if (left_ms <= 0)
		return true;
	return transport_lws_count(s->transport) == 0 &&
	    (arrivals_count(s->arrivals) == 0 ||
		left_ms <= DRAIN_MS - DRAIN_ARRIVALS_MS);
}

static void
on_turn_end(void *arg)
{
	struct server *s = arg;
	uint64_t received = transport_lws_received(s->transport);
	if (hub_is_dirty(s->hub))
		revocation_look(s->revocation);
	flusher_turn_end(&s->flusher, received != s->received);
	s->received = received;
	transport_lws_reap(s->transport);
	if (s->is_draining && is_all_over(s))
		loop_stop(s->loop);
}

/* In step with the wall clock: sessions end at whole seconds of it. */
static void
set_tick(struct server *s)
{
	/* Timers fire up to a millisecond early. */
	loop_timer_set(
	    s->tick, TICK_MS - clock_wall_ms(s->clock) % TICK_MS + 1, 0);
}

static void
on_tick(void *arg)
{
	struct server *s = arg;
	int64_t now = clock_mono_ms(s->clock);
	set_tick(s);
	hub_tick(s->hub);
	transport_lws_tick(s->transport);
	if (s->watchdog_ms > 0 && now - s->watchdog_sent_ms >= s->watchdog_ms) {
		notify_send("WATCHDOG=1");
		s->watchdog_sent_ms = now;
	}
	operation_tick(s->operation, TICK_MS);
	arrivals_tick(s->arrivals);
	if (!s->is_draining)
		revocation_tick(s->revocation);
}

static void
on_stop(void *arg)
{
	struct server *s = arg;
	if (s->is_draining)
		return;
	log_notice("stopping: closing %zu connections", hub_count(s->hub));
	notify_send("STOPPING=1");
	s->is_draining = true;
	s->drain_end_ms = clock_mono_ms(s->clock) + DRAIN_MS;
	close_listeners(s);
	revocation_look(s->revocation);
	hub_flush(s->hub);
	hub_close_all(s->hub, HUB_CLOSE_GOING_AWAY, "shutting down");
}

static void
on_reload(void *arg)
{
	struct server *s = arg;
	if (s->is_draining)
		return;
	reload(s->o->config, s->o->config_path);
	/* What follows from the limits must not lag behind them. */
	on_tick(s);
}

static int
listen_everywhere(struct server *s)
{
	struct buf error = BUF_INIT;
	const struct server_opts *o = s->o;
	int rc = 0, passed;

	if (o->listen_count > 0) {
		for (size_t i = 0; rc == 0 && i < o->listen_count; i++)
			rc = listeners_open(s->listeners, o->listen[i], &error);
	} else if ((passed = notify_listen_fds()) > 0) {
		for (int i = 0; rc == 0 && i < passed; i++) {
			rc = operation_adopt(s->operation, NOTIFY_FD_FIRST + i);
			if (rc == 0)
				rc = listeners_adopt(
				    s->listeners, NOTIFY_FD_FIRST + i, &error);
			else if (rc == 1)
				rc = 0;
		}
	} else if (passed == -1) {
		buf_puts(&error, "LISTEN_FDS: malformed\n");
		rc = -1;
	} else if (o->config->wsd.listen[0] != '\0') {
		rc =
		    listeners_open(s->listeners, o->config->wsd.listen, &error);
	} else {
		buf_puts(&error,
		    "wsd.listen is empty and systemd passed no "
		    "socket\n");
		rc = -1;
	}
	log_lines(log_err, NULL, buf_str(&error));
	buf_fini(&error);
	return rc;
}

static int
open_history(struct server *s)
{
	struct buf error = BUF_INIT;
	const struct history_opts opts = {
	    .dir = s->o->config->wsd.history_dir,
	    .clock = s->clock,
	    .config = s->o->config,
	};

	if (opts.dir[0] == '\0')
		return 0;
	s->history = history_open(&opts, &error);
	log_lines(log_err, NULL, buf_str(&error));
	buf_fini(&error);
	return s->history == NULL ? -1 : 0;
}

static int
start(struct server *s)
{
	uint64_t epoch = 0;
	while (epoch == 0)
		crypto_random(&epoch, sizeof(epoch));

	s->loop = loop_new();
	if (s->loop == NULL || open_history(s) == -1)
		return -1;
	const struct hub_opts hub = {
	    .transport = transport_lws_ops(),
	    .clock = s->clock,
	    .config = s->o->config,
	    .epoch = epoch,
	    .history = s->history,
	};
	s->hub = hub_new(&hub);
	if (s->hub == NULL || flusher_init(&s->flusher, s->loop, s->hub) == -1)
		return -1;
	s->transport = transport_lws_new(s->loop, s->hub, s->clock);
	const struct revocation_opts revocation = {
	    .loop = s->loop,
	    .hub = s->hub,
	    .clock = s->clock,
	    .config = s->o->config,
	    .expired = on_store_expired,
	    .arg = s,
	};
	s->revocation = revocation_new(&revocation);
	s->admission = (struct admission){
	    .config = s->o->config,
	    .hub = s->hub,
	    .revocation = s->revocation,
	    .transport = s->transport,
	};
	const struct arrivals_opts arrivals = {
	    .loop = s->loop,
	    .clock = s->clock,
	    .config = s->o->config,
	    .decide = admission_decide,
	    .arg = &s->admission,
	};
	s->arrivals = arrivals_new(&arrivals);
	s->listeners = listeners_new(s->loop, s->clock, on_accept, s);
	const struct operation_opts operation = {
	    .loop = s->loop,
	    .clock = s->clock,
	    .config = s->o->config,
	    .hub = s->hub,
	    .look = look,
	    .close_listeners = close_listeners,
	    .stop = on_stop,
	    .arg = s,
	};
	s->operation = operation_new(&operation);
	s->tick = loop_timer_new(s->loop, on_tick, s);
	if (s->transport == NULL || s->revocation == NULL ||
	    s->arrivals == NULL || s->listeners == NULL ||
	    s->operation == NULL || s->tick == NULL)
		return -1;
	if (loop_on_signal(s->loop, SIGTERM, on_stop, s) == -1 ||
	    loop_on_signal(s->loop, SIGINT, on_stop, s) == -1 ||
	    loop_on_signal(s->loop, SIGHUP, on_reload, s) == -1)
		return -1;
	/*
	 * Stopped for 25 to 49 days, libuv's int of milliseconds overflows and
	 * it sleeps on for days more. A signal ends that sleep.
	 */
	if (loop_on_signal(s->loop, SIGCONT, on_tick, s) == -1)
		return -1;
	if (listen_everywhere(s) == -1 || operation_open(s->operation) == -1)
		return -1;
	loop_on_turn_end(s->loop, on_turn_end, s);
	set_tick(s);
	s->watchdog_ms = notify_watchdog_ms();
	return 0;
}

/* Last: nothing is opened after it but what is written to or watched. */
static int
enter_sandbox(const struct server_opts *o)
{
	const struct sandbox_opts opts = {
	    .role = SANDBOX_WSD,
	    .config = o->config,
	    .config_path = o->config_path,
	    .listen = o->listen,
	    .listen_count = o->listen_count,
	};

	if (notify_open() == -1) {
		log_err_errno("a socket for NOTIFY_SOCKET");
		return -1;
	}
	return sandbox_enter(&opts);
}

int
server_run(const struct server_opts *opts)
{
	struct server s = {.o = opts, .clock = clock_system()};

	s.started_ms = clock_wall_ms(s.clock);
	signal(SIGPIPE, SIG_IGN);
	open_files_raise(opts->config);
	int rc = start(&s);
	if (rc == 0)
		rc = enter_sandbox(opts);
	if (rc == 0) {
		notify_send("READY=1");
		loop_run(s.loop);
		log_notice("stopped");
	} else {
		log_err("could not start");
	}
	if (s.loop != NULL)
		loop_on_turn_end(s.loop, NULL, NULL);
	loop_timer_free(s.tick);
	flusher_fini(&s.flusher);
	operation_free(s.operation);
	listeners_free(s.listeners);
	arrivals_free(s.arrivals);
	revocation_free(s.revocation);
	transport_lws_free(s.transport);
	if (s.history != NULL && rc == 0)
		history_stop(s.history);
	hub_free(s.hub);
	history_free(s.history);
	loop_free(s.loop);
	return rc;
}
