/*
 * The slow way, for servers that have no other: everything is opened for one
 * request. Hash slots are a file beside the stores, since these processes
 * have no common parent to inherit them from.
 */
#include "fcgi-app/cgi.h"

#include "auth/crypto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "fcgi-app/app.h"
#include "fcgi-app/conn.h"
#include "fcgi-app/form.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

bool
cgi_is_request(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL &&
	    (getenv("REQUEST_METHOD") != NULL || getenv("SCRIPT_NAME") != NULL);
}

/* One of the standard streams, from now on for as long as a request may be. */
static struct conn
stream(const struct config *config, int fd)
{
	const struct clock *clock = clock_system();
	int flags = fcntl(fd, F_GETFL);

	if (flags != -1)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return (struct conn){
	    .fd = fd,
	    .stop_fd = -1,
	    .clock = clock,
	    .deadline_ms =
		clock_mono_ms(clock) + config->login.request_timeout_ms,
	};
}

/*
 * The body, as long as CONTENT_LENGTH says; what comes short is noticed by
 * whoever compares the two.
 */
static void
read_body(const struct config *config, struct request *req, struct buf *body)
{
	struct conn in = stream(config, STDIN_FILENO);

	if (req->content_length <= 0)
		return;
	if (req->content_length > FORM_BODY_MAX) {
		req->is_body_over = true;
		return;
	}
	enum conn_err err =
	    conn_read_bytes(&in, (size_t)req->content_length, body);
	if (err != CONN_OK)
		log_info("body: %s", conn_strerror(err));
	req->body = body->data;
	req->body_len = body->len;
}

/* A process of its own may wait where a worker may not. */
static void
wait_for_slot(struct app *a)
{
	const struct clock *clock = clock_system();
	int64_t until_ms = clock_mono_ms(clock) + SLOTS_WAIT_MS;

	while ((a->slot = slots_take(a->slots)) == -1 &&
	    clock_mono_ms(clock) < until_ms)
		poll(NULL, 0, SLOTS_RETRY_MS);
}

static void
handle(struct app *a, struct request *req, struct response *resp)
{
	app_handle(a, req, resp);
	if (a->is_out_of_slots) {
		wait_for_slot(a);
		response_reset(resp);
		app_handle(a, req, resp);
	}
	if (a->is_out_of_slots)
		log_notice("all %zu hash slots are taken", a->slots->count);
}

int
cgi_run(const struct config *config, const struct views *views)
{
	struct response_site site = {NULL, false};
	struct buf body = BUF_INIT;
	struct buf out = BUF_INIT;
	struct request req;
	struct response resp;
	struct slots slots;
	struct app app;
	int rc = EXIT_FAILURE;

	signal(SIGPIPE, SIG_IGN); /* upkeep goes on without the server */
	if (slots_init(&slots, config->store.dir,
		slots_count(config->login.workers, config->login.hash_slots)) ==
	    -1) {
		log_err_errno("hash slots");
		return EXIT_FAILURE;
	}
	const struct sandbox_opts sandbox = {
	    .role = SANDBOX_LOGIN_WORKER, .config = config};
	if (sandbox_enter(&sandbox) == -1) {
		slots_fini(&slots);
		return EXIT_FAILURE;
	}
	app_init(&app, config, views, &slots, clock_system());
	response_init(&resp);
	enum request_err err = request_parse(environ, &req);
	if (err != REQUEST_OK) {
		log_info("request refused: %s", request_strerror(err));
		app_refuse(&app, 400, "400", &resp);
	} else {
		read_body(config, &req, &body);
		handle(&app, &req, &resp);
		site.host = req.host;
		site.is_https = req.is_https;
	}
	bool is_head = err == REQUEST_OK && req.method == REQUEST_HEAD;
	if (response_write(&resp, &site, is_head, &out) == 0) {
		struct conn conn = stream(config, STDOUT_FILENO);
		if (conn_write(&conn, &out) == CONN_OK)
			rc = EXIT_SUCCESS;
	}
	/* The server waits for the end of output, not for our cleaning. */
	close(STDOUT_FILENO);
	/* Apache's mod_cgid has one socket for both directions. */
	if (err == REQUEST_OK && req.is_body_over) {
		struct conn in = stream(config, STDIN_FILENO);
		conn_linger(&in);
	}
	app_idle(&app);

	crypto_buf_fini(&body);
	buf_fini(&out);
	response_fini(&resp);
	app_fini(&app);
	slots_fini(&slots);
	return rc;
}
