/* See member.h. */
#include "tests/tools/crowd/member.h"

#include "tests/lib/die.h"
#include "tests/lib/now.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS NOW_NS_PER_MS
#define SUBPROTOCOL "gatecast.v1"
/* gatecast.js */
#define BACKOFF_BASE_MS 500
#define BACKOFF_MAX_MS 30000
#define STABLE_MS 10000
#define OVERLOADED 1013
#define OVERLOADED_FLOOR_MS 5000

void
member_want(struct member *m, uint64_t at_ns)
{
	m->due_ns = m->away_ns = at_ns;
	m->has_epoch = false;
	m->attempt = 0;
}

void
member_leave(struct member *m)
{
	if (m->hello_ns != 0)
		m->crowd->here--;
	ws_client_close(&m->client);
	m->hello_ns = 0;
	m->due_ns = 0;
}

/* gatecast.js: #lost and #wait */
static void
lost(struct member *m)
{
	uint64_t now = now_ns(), floor_ms = 0, hello_ns = m->hello_ns;

	member_leave(m);
	if (hello_ns != 0) {
		m->crowd->seen.cut++;
		m->away_ns = now;
		if (now - hello_ns > STABLE_MS * MS)
			m->attempt = 0;
	}
	if (m->crowd->watch != NULL && !m->crowd->watch->lost(m))
		return;
	if (m->client.code == OVERLOADED)
		floor_ms = OVERLOADED_FLOOR_MS;
	uint64_t top_ms = BACKOFF_MAX_MS;
	if (m->attempt < 6)
		top_ms = (uint64_t)BACKOFF_BASE_MS << m->attempt++;
	m->due_ns =
	    now + floor_ms * MS + (uint64_t)(drand48() * (double)(top_ms * MS));
}

static void
come(struct member *m)
{
	struct ws_client_request request;
	char path[96] = "/websocket";

	m->due_ns = 0;
	m->came_ns = now_ns();
	if (m->has_epoch)
		snprintf(path, sizeof(path),
		    "/websocket?since=%" PRIx64 "-%" PRIu64, m->epoch, m->seq);
	if (ws_client_request_make(&request, m->crowd->port, path,
		m->crowd->origin, m->cookie, SUBPROTOCOL) == -1)
		die("a request that is too long");
	if (ws_client_open(&m->client, &request, m->crowd->epoll_fd, m) == 0)
		return;
	if (errno == EMFILE || errno == ENFILE)
		die("socket: %s", strerror(errno));
	m->crowd->seen.unreachable++;
	lost(m);
}

void
member_turn(struct member *m, uint64_t now_ns)
{
	if (m->due_ns != 0 && m->due_ns <= now_ns)
		come(m);
}

void
member_say(struct member *m, const char *text)
{
	m->said++;
	member_repeat(m, text);
}

void
member_repeat(struct member *m, const char *text)
{
	char object[128];

	int n = snprintf(object, sizeof(object),
	    "{\"type\":\"send\",\"ref\":\"%" PRIu64 "\",\"text\":\"%s\"}",
	    m->said, text);
	if (ws_client_send(&m->client, object, (size_t)n) == -1)
		lost(m);
}

static uint64_t
number_after(const char *p, size_t n, const char *key, int base)
{
	const char *at = memmem(p, n, key, strlen(key));
	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, base);
}

static bool
is_of_type(const char *p, size_t n, const char *type)
{
	static const char begin[] = "{\"type\":\"";
	size_t at = sizeof(begin) - 1, length = strlen(type);

	return n > at + length && memcmp(p, begin, at) == 0 &&
	    memcmp(p + at, type, length) == 0 && p[at + length] == '"';
}

static void
on_hello(struct member *m, const char *p, size_t n)
{
	struct seen *seen = &m->crowd->seen;
	uint64_t epoch = number_after(p, n, "\"epoch\":\"", 16);
	uint64_t seq = number_after(p, n, "\"seq\":", 10);
	bool is_resumed = memmem(p, n < 200 ? n : 200, "\"resumed\":true", 14);

	m->hello_ns = now_ns();
	m->crowd->here++;
	hist_add(&seen->arrival, m->hello_ns - m->away_ns);
	if (m->has_epoch && is_resumed) {
		seen->resumed++;
		if (seq != m->seq || epoch != m->epoch)
			seen->wrong++;
	} else if (m->has_epoch) {
		seen->fresh++;
	}
	m->has_epoch = true;
	m->epoch = epoch;
	m->seq = seq;
	if (m->crowd->watch != NULL)
		m->crowd->watch->here(m);
}

static void
on_ack(struct member *m, const char *p, size_t n)
{
	m->crowd->seen.acks++;
	m->attempt = 0;
	m->acked_seq = number_after(p, n, "\"seq\":", 10);
	m->acked = number_after(p, n, "\"ref\":\"", 10);
	if (m->crowd->watch != NULL)
		m->crowd->watch->ack(m, m->acked, m->acked_seq);
}

static void
on_event(struct member *m, const char *p, size_t n)
{
	struct seen *seen = &m->crowd->seen;
	uint64_t seq = number_after(p, n, "\"seq\":", 10);

	if (seq > m->seq + 1)
		seen->lost += seq - m->seq - 1;
	else if (seq <= m->seq)
		seen->wrong++;
	m->seq = seq;
	if (is_of_type(p, n, "join")) {
		seen->joins++;
		m->joins++;
	} else if (is_of_type(p, n, "leave")) {
		seen->leaves++;
		m->leaves++;
	} else {
		uint64_t at = number_after(p, n, "\"text\":\"at ", 10);
		seen->messages++;
		/* Not of those who were away when it was said. */
		if (at != 0 && at > m->hello_ns)
			hist_add(&seen->latency, now_ns() - at);
	}
	if (m->crowd->watch != NULL)
		m->crowd->watch->event(m, seq, p, n);
}

static void
on_text(void *arg, const uint8_t *payload, size_t n)
{
	struct member *m = arg;
	const char *p = (const char *)payload;

	if (is_of_type(p, n, "hello")) {
		on_hello(m, p, n);
	} else if (is_of_type(p, n, "ack")) {
		on_ack(m, p, n);
	} else if (is_of_type(p, n, "gap")) {
		m->crowd->seen.gaps++;
		m->seq = number_after(p, n, "\"to\":", 10);
	} else if (is_of_type(p, n, "error")) {
		m->crowd->seen.wrong++;
	} else {
		on_event(m, p, n);
	}
}

void
member_read(struct member *m)
{
	if (ws_client_read(&m->client, on_text, m) == NULL)
		return;
	if (!m->client.is_open && m->client.code != 0)
		m->crowd->seen.refused++;
	else if (!m->client.is_open)
		m->crowd->seen.unreachable++;
	lost(m);
}
