#include "fcgi-app/worker.h"

#include "auth/crypto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "fcgi-app/app.h"
#include "fcgi-app/conn.h"
#include "fcgi-app/fcgi_io.h"
#include "fcgi-app/form.h"
#include "fcgi-app/intakes.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker {
	const struct worker_opts *opts;
	const struct clock *clock;
	struct fcgi_io *io;
	struct app app;
	struct intakes intakes;
	int stop; /* readable after SIGTERM or SIGINT, */
	int retire; /* after SIGHUP */
};

/* The answer to a request that libfcgi has taken. */
static void
answer(struct worker *w, const struct intake *in, char *const *params,
    const struct buf *body, struct buf *out)
{
	struct response_site site = {NULL, false};
	struct response resp;
	struct request req;
	enum request_err err = REQUEST_OK;

	bool is_head = false;

	response_init(&resp);
	bool is_gate = in->role == INTAKE_AUTHORIZER;
	if (!is_gate && w->opts->is_gate) {
		app_refuse(&w->app, 403, "role", &resp);
	} else if (in->is_params_over) {
		app_refuse(&w->app, 431, "431", &resp);
	} else if (in->is_params_bad) {
		app_refuse(&w->app, 400, "400", &resp);
	} else if ((err = request_parse(params, &req)) != REQUEST_OK) {
		log_info("request refused: %s", request_strerror(err));
		app_refuse(&w->app, 400, "400", &resp);
	} else {
		req.body = body->data;
		req.body_len = body->len;
		req.is_body_over = in->is_body_over;
		if (is_gate)
			app_authorize(&w->app, &req, &resp);
		else
			app_handle(&w->app, &req, &resp);
		site.host = req.host;
		site.is_https = req.is_https;
		is_head = req.method == REQUEST_HEAD;
	}
	response_write(&resp, &site, is_head, out);
	response_fini(&resp);
}

/* Into the lobby, unless it has waited there for long enough. */
static bool
is_kept(
    const struct worker *w, int fd, const struct intake *in, int64_t until_ms)
{
	struct buf records = BUF_INIT;
	bool is_kept = clock_mono_ms(w->clock) < until_ms &&
	    intake_put_records(in, &records) == 0 &&
	    lobby_enter(w->opts->lobby, fd, &records, until_ms) == 0;

	crypto_buf_fini(&records);
	if (!is_kept)
		log_notice("all %zu hash slots are taken, and enough wait",
		    w->opts->slots->count);
	return is_kept;
}

/*
 * A request that has been read, and its connection, which is closed in the
 * end. until_ms: how long it may wait for a slot.
 */
static void
handle(struct worker *w, int fd, const struct intake *in, int64_t until_ms)
{
	struct buf body = BUF_INIT;
	struct buf text = BUF_INIT;
	struct buf records = BUF_INIT;
	char *const *params;
	struct conn conn = {
	    .fd = fd,
	    .stop_fd = w->stop,
	    .clock = w->clock,
	};

	if (fcgi_io_begin(w->io, in, &params, &body) == -1) {
		log_warn("request dropped: libfcgi does not take it");
		goto out;
	}
	w->app.is_out_of_slots = false;
	answer(w, in, params, &body, &text);
	if (fcgi_io_end(w->io, &text, &records) == -1 || text.has_failed) {
		log_err("answer dropped: no memory");
		goto out;
	}
	if (w->app.is_out_of_slots && is_kept(w, fd, in, until_ms))
		goto out;
	conn.deadline_ms =
	    clock_mono_ms(w->clock) + w->opts->config->login.request_timeout_ms;
	enum conn_err err = conn_write(&conn, &records);
	if (err != CONN_OK) {
		log_info("answer not delivered: %s", conn_strerror(err));
		goto out;
	}
	if (!in->has_end) {
		intakes_linger(&w->intakes, fd);
		fd = -1;
	}
out:
	if (fd != -1)
		close(fd);
	crypto_buf_fini(&body);
	buf_fini(&text);
	buf_fini(&records);
}

/*
 * Everybody whose request is complete. has_queue: there are others who wait
 * for a slot, whom nobody here shall overtake. Whether there was somebody.
 */
static bool
serve_complete(struct worker *w, bool has_queue)
{
	struct intake in;
	bool is_served = false;
	int fd;

	w->app.has_queue = has_queue;
	while (intakes_take(&w->intakes, &fd, &in)) {
		handle(w, fd, &in, clock_mono_ms(w->clock) + SLOTS_WAIT_MS);
		intake_fini(&in);
		is_served = true;
	}
	w->app.has_queue = false;
	return is_served;
}

static bool
serve_oldest(struct worker *w)
{
	struct buf records = BUF_INIT;
	struct intake in;
	int64_t until_ms;
	int fd;

	bool is_there =
	    lobby_leave(w->opts->lobby, &fd, &records, &until_ms) == 0;
	if (is_there) {
		intake_init(&in, FORM_BODY_MAX);
		if (conn_is_gone(fd)) {
			log_info("request dropped: %s while it waited",
			    conn_strerror(CONN_CLOSED));
			close(fd);
		} else if (intake_feed(&in, (const uint8_t *)records.data,
			       records.len) == INTAKE_DONE) {
			handle(w, fd, &in, until_ms);
		} else {
			close(fd);
		}
		intake_fini(&in);
	}
	crypto_buf_fini(&records);
	return is_there;
}

/*
 * One of those that wait for a slot, if there is one for it, or if it has
 * waited for long enough. false: nobody, or they have to go on waiting,
 * which *state tells.
 */
static bool
serve_waiting(struct worker *w, enum lobby_state *state)
{
	*state = lobby_look(w->opts->lobby, clock_mono_ms(w->clock));
	if (*state == LOBBY_EMPTY)
		return false;
	w->app.slot = slots_take(w->opts->slots);
	if (w->app.slot == -1 && *state == LOBBY_WAITING)
		return false;
	bool is_served = serve_oldest(w);
	if (w->app.slot != -1)
		slots_release(w->opts->slots, w->app.slot);
	w->app.slot = -1;
	if (!is_served)
		*state = LOBBY_EMPTY;
	return is_served;
}

/* Somebody new, unless another worker has it. */
static void
accept_one(struct worker *w)
{
	int fd = accept4(
	    w->opts->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			log_err_errno("accept");
			/* The listener stays readable: do not spin. */
			poll(NULL, 0, 100);
		}
		return;
	}
	/* Fails on a Unix socket, where there is nothing to switch off. */
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	intakes_add(&w->intakes, fd);
}

/* What is polled beside the table. */
enum {
	STOP,
	RETIRE,
	LISTENER,
	LOBBY,
	OTHERS
};

static int
loop(struct worker *w)
{
	struct pollfd p[OTHERS + INTAKES_MAX] = {
	    [STOP] = {.fd = w->stop, .events = POLLIN},
	    [RETIRE] = {.fd = w->retire, .events = POLLIN},
	    [LISTENER] = {.events = POLLIN},
	    [LOBBY] = {.events = POLLIN},
	};
	enum lobby_state state;
	bool is_ending = false;

	/*
	 * Who gives back a slot looks into the lobby afterwards, and who has
	 * put a request there looks for a slot; who finds none goes on
	 * answering the rest. Nobody ends before the lobby is empty.
	 *
	 * Who has taken somebody from the lobby answers next whoever is
	 * complete here, and does not let anybody in.
	 */
	for (;;) {
		bool is_served = serve_waiting(w, &state);
		bool is_empty = !is_served && state == LOBBY_EMPTY;
		if (is_ending && is_empty && w->intakes.count == 0)
			return EXIT_SUCCESS;
		p[LISTENER].fd =
		    is_served || is_ending ? -1 : w->opts->listener;
		p[LOBBY].fd = is_empty ? w->opts->lobby->out : -1;
		size_t n = OTHERS + intakes_watch(&w->intakes, p + OTHERS);
		int wait_ms = is_served ? 0 : is_empty ? -1 : SLOTS_RETRY_MS;
		if (poll(p, n, intakes_wait_ms(&w->intakes, wait_ms)) == -1) {
			if (errno == EINTR)
				continue;
			log_err_errno("poll");
			return EXIT_FAILURE;
		}
		if (p[RETIRE].revents != 0) {
			is_ending = true;
			p[RETIRE].fd = -1;
		}
		if (p[STOP].revents != 0) {
			is_ending = true;
			p[STOP].fd = -1;
			intakes_hurry(&w->intakes, CONN_STOP_GRACE_MS);
		}
		intakes_read(&w->intakes, p + OTHERS);
		is_served |= serve_complete(w, !is_empty);
		if (p[LISTENER].revents & (POLLERR | POLLNVAL)) {
			log_err("the listening socket is gone");
			return EXIT_FAILURE;
		}
		if (p[LISTENER].revents != 0 && !is_ending)
			accept_one(w);
		if (is_served)
			app_idle(&w->app);
	}
}

static int
watch_signals(int one, int other)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, one);
	sigaddset(&set, other);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
worker_run(const struct worker_opts *opts)
{
	struct worker w = {.opts = opts, .clock = clock_system()};
	int rc = EXIT_FAILURE;

	w.stop = watch_signals(SIGTERM, SIGINT);
	w.retire = watch_signals(SIGHUP, SIGHUP);
	if (w.stop == -1 || w.retire == -1) {
		log_err_errno("signalfd");
		goto err0;
	}
	w.io = fcgi_io_new();
	if (w.io == NULL) {
		log_err_errno("libfcgi");
		goto err0;
	}
	const struct sandbox_opts sandbox = {
	    .role = SANDBOX_LOGIN_WORKER, .config = opts->config};
	if (sandbox_enter(&sandbox) == -1)
		goto err1;
	app_init(&w.app, opts->config, opts->views, opts->slots, w.clock);
	intakes_init(&w.intakes, w.clock,
	    opts->config->login.request_timeout_ms, FORM_BODY_MAX);
	rc = loop(&w);
	intakes_fini(&w.intakes);
	app_fini(&w.app);
err1:
	fcgi_io_free(w.io);
err0:
	if (w.stop != -1)
		close(w.stop);
	if (w.retire != -1)
		close(w.retire);
	return rc;
}
