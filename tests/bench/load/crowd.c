/* See crowd.h. */
#include "tests/bench/load/crowd.h"

#include "tests/lib/die.h"
#include "tests/lib/now.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define MARK '#' /* "#NUMBER:NANOSECONDS:" in hex, 16 digits each */
#define MARK_LEN 35
#define AT_ONCE 64
#define CONNECT_NS 30000000000u

struct member {
	struct ws_client client;
	struct order order;
	bool is_idle; /* neither a receiver nor one who stopped */
	bool has_stopped;
};

/* What arrives in one read arrives at one moment. */
struct arrival {
	struct crowd *crowd;
	struct member *member;
	uint64_t at_ns;
};

/* 16 hex digits, or false. */
static bool
hex16(const uint8_t *p, uint64_t *v)
{
	*v = 0;
	for (int i = 0; i < 16; i++) {
		unsigned digit = p[i] - (p[i] >= 'a' ? 'a' - 10u : '0');
		if (digit > 15)
			return false;
		*v = *v << 4 | digit;
	}
	return true;
}

static void
take_message(struct crowd *c, struct member *m, const uint8_t *payload,
    size_t n, uint64_t at_ns)
{
	uint64_t number, due_ns;
	const uint8_t *mark = memchr(payload, MARK, n);

	if (mark == NULL || (size_t)(payload + n - mark) < MARK_LEN ||
	    !hex16(mark + 1, &number) || !hex16(mark + 18, &due_ns))
		return; /* joins, hello, acknowledgements */
	if (number == 0 || number > c->sent)
		die("a message that was never sent: number %" PRIu64, number);
	if (!order_take(&m->order, number, &c->faults))
		return;
	c->arrived++;
	if (due_ns >= c->measured_from_ns) {
		hist_add(&c->latency, at_ns - due_ns);
		c->deliveries++;
	}
	uint16_t *reached = &c->reached[number % CROWD_WINDOW];
	if (++*reached == c->opts->receivers) {
		*reached = 0;
		c->completed++;
		if (due_ns >= c->measured_from_ns)
			hist_add(&c->to_last, at_ns - due_ns);
	}
}

static void
take_ack(struct crowd *c, const uint8_t *payload, size_t n, uint64_t at_ns)
{
	if (memmem(payload, n, "\"ack\"", 5) == NULL)
		return;
	/* The next answer is taken for that of the next question. */
	uint64_t due_ns = c->due_ns[++c->completed % CROWD_WINDOW];
	c->arrived++;
	if (due_ns >= c->measured_from_ns) {
		hist_add(&c->latency, at_ns > due_ns ? at_ns - due_ns : 0);
		c->deliveries++;
	}
}

static void
on_text(void *arg, const uint8_t *payload, size_t n)
{
	struct arrival *a = arg;

	if (a->member->is_idle || a->member->has_stopped)
		return;
	if (a->at_ns == 0)
		a->at_ns = now_ns();
	if (a->crowd->opts->has_acks)
		take_ack(a->crowd, payload, n, a->at_ns);
	else
		take_message(a->crowd, a->member, payload, n, a->at_ns);
}

static void
read_member(struct crowd *c, struct member *m)
{
	struct arrival a = {.crowd = c, .member = m};
	const char *why = ws_client_read(&m->client, on_text, &a);

	if (why == NULL) {
		if (m->client.is_open && m->has_stopped)
			epoll_ctl(
			    c->epoll_fd, EPOLL_CTL_DEL, m->client.fd, NULL);
		return;
	}
	if (!m->client.is_open)
		die("handshake: %s", why);
	fprintf(stderr, "loadgen: %s\n", why);
	ws_client_close(&m->client);
	c->disconnected++;
}

void
crowd_pump(struct crowd *c, int timeout_ms)
{
	struct epoll_event ev[512];
	int n = epoll_wait(c->epoll_fd, ev, 512, timeout_ms);

	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr != NULL)
			read_member(c, ev[i].data.ptr);
}

static void
open_member(struct crowd *c, struct member *m)
{
	const struct ws_client_request *r =
	    m->is_idle ? &c->opts->idle_request : &c->opts->request;

	if (ws_client_open(&m->client, r, c->epoll_fd, m) == -1)
		die("port %d: %s", r->port, strerror(errno));
}

void
crowd_connect(struct crowd *c, const struct crowd_opts *opts)
{
	int total = opts->receivers + opts->stopped + opts->idle, open = 0;
	uint64_t from_ns = now_ns();

	c->opts = opts;
	c->measured_from_ns = UINT64_MAX;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->members = calloc((size_t)total, sizeof(*c->members));
	if (c->members == NULL || c->epoll_fd == -1)
		die("%s", strerror(errno));
	for (int i = 0; i < total || open < total;) {
		if (i < total && i - open < AT_ONCE) {
			struct member *m = &c->members[i];
			m->has_stopped = i >= opts->receivers &&
			    i < opts->receivers + opts->stopped;
			m->is_idle = i >= opts->receivers + opts->stopped;
			open_member(c, m);
			i++;
		} else
			crowd_pump(c, 100);
		while (open < i && c->members[open].client.is_open)
			open++;
		if (now_ns() - from_ns > CONNECT_NS)
			die("%d of %d handshakes unanswered", total - open,
			    total);
	}
}

void
crowd_send(struct crowd *c, uint64_t due_ns)
{
	static char body[WS_CLIENT_SEND_MAX];
	const struct crowd_opts *opts = c->opts;
	char mark[MARK_LEN + 1];
	size_t n = 0, size = (size_t)opts->size;

	c->sent++;
	c->due_ns[c->sent % CROWD_WINDOW] = due_ns;
	snprintf(mark, sizeof(mark), "%c%016" PRIx64 ":%016" PRIx64 ":", MARK,
	    c->sent, due_ns);
	if (opts->is_json)
		n = (size_t)snprintf(body, sizeof(body),
		    "{\"type\":\"send\",\"ref\":\"%" PRIu64 "\",\"text\":\"",
		    opts->has_acks ? 1 : c->sent);
	memcpy(body + n, mark, MARK_LEN);
	if (size < MARK_LEN)
		size = MARK_LEN;
	memset(body + n + MARK_LEN, 'x', size - MARK_LEN);
	n += size;
	if (opts->is_json) {
		memcpy(body + n, "\"}", 2);
		n += 2;
	}
	uint64_t from =
	    opts->has_acks ? c->sent % (uint64_t)opts->receivers : 0;
	if (ws_client_send(&c->members[from].client, body, n) == -1)
		die("send: %s", strerror(errno));
}

void
crowd_end(struct crowd *c)
{
	if (c->opts->has_acks) {
		c->faults.lost += c->sent - c->completed;
		return;
	}
	for (int i = 0; i < c->opts->receivers; i++)
		order_end(&c->members[i].order, c->sent, &c->faults);
}
