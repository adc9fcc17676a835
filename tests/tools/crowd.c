/*
 * A crowd of gatecast.v1 clients in one process, for storms: people who come
 * and go by the thousand, and a server that restarts under them. Each judges
 * what it gets: numbers rise by one, or a gap says what is missing. Whoever
 * is cut off comes back as www/static/js/gatecast.js does, with full jitter
 * and the cursor.
 *
 *   crowd PORT ORIGIN COOKIES    COOKIES: a file, one session a line
 *
 * Commands come on stdin, one a line, and each is answered by one line of
 * JSON on stdout when it is done:
 *
 *   join N MS     N more come, evenly over so long; until all have a hello
 *   leave N MS    the N newest go, evenly over so long
 *   talk MS       the first one says something each MS ms (0: no more)
 *   hear TYPE N   until the first one has had N events of that type
 *   level         until all have what the first one says now
 *   cut           until somebody is cut off
 *   back          until all are here again
 *   stats         what was seen since the last time
 *
 * What does not happen within 60 s is answered with "done": false.
 */
#include "tests/bench/hist.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define PATIENCE_MS 60000
#define READ_BYTES (1 << 20)
#define TOKEN_MAX 256
/* gatecast.js */
#define BACKOFF_BASE_MS 500
#define BACKOFF_MAX_MS 30000
#define STABLE_MS 10000
#define OVERLOADED 1013
#define OVERLOADED_FLOOR_MS 5000

enum state {
	AWAY,
	OPENING,
	OPEN
};

struct member {
	int fd;
	enum state state;
	uint64_t due_ns; /* AWAY: of the next try; 0: not wanted here */
	uint64_t hello_ns; /* 0: none on this connection */
	uint64_t away_ns; /* since when it wants to be here */
	uint64_t epoch;
	uint64_t seq;
	bool has_epoch;
	unsigned attempt;
	char token[TOKEN_MAX];
	uint8_t *rest; /* of the last read: an unfinished frame or head */
	size_t rest_bytes;
};

static struct {
	uint64_t joins, leaves, messages, acks;
	uint64_t lost, wrong, fresh, resumed, gaps, cut, refused, unreachable;
	struct hist latency, arrival;
} seen;
static uint64_t heard_joins, heard_leaves; /* by the first, since the start */
static uint64_t acked_seq, said, acked;
static struct member *members;
static size_t known, wanted; /* cookies; members [0, wanted) belong here */
static size_t here; /* that have a hello */
static uint64_t talk_ns, talk_due_ns;
static uint8_t buffer[READ_BYTES];
static int epoll_fd, port;
static const char *origin;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("crowd: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static void
leave_now(struct member *m)
{
	if (m->hello_ns != 0)
		here--;
	if (m->state != AWAY)
		close(m->fd);
	free(m->rest);
	m->rest = NULL;
	m->rest_bytes = 0;
	m->hello_ns = 0;
	m->state = AWAY;
	m->due_ns = 0;
}

/* gatecast.js: #lost and #wait */
static void
lost(struct member *m, int code)
{
	uint64_t now = now_ns(), floor_ms = 0, hello_ns = m->hello_ns;

	leave_now(m);
	if (hello_ns != 0) {
		seen.cut++;
		m->away_ns = now;
		if (now - hello_ns > STABLE_MS * MS)
			m->attempt = 0;
	}
	if (code == OVERLOADED)
		floor_ms = OVERLOADED_FLOOR_MS;
	uint64_t top_ms = BACKOFF_MAX_MS;
	if (m->attempt < 6)
		top_ms = (uint64_t)BACKOFF_BASE_MS << m->attempt++;
	m->due_ns =
	    now + floor_ms * MS + (uint64_t)(drand48() * (double)(top_ms * MS));
}

static void
put(struct member *m, const void *bytes, size_t n)
{
	if (send(m->fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
		lost(m, 0);
}

static void
say(struct member *m, const char *text)
{
	uint8_t frame[6 + 125] = {0x81};
	int n = snprintf((char *)frame + 6, 125,
	    "{\"type\":\"send\",\"ref\":\"%" PRIu64 "\",\"text\":\"%s\"}",
	    ++said, text);
	frame[1] = (uint8_t)(0x80 | n); /* masked with zero */
	put(m, frame, 6 + (size_t)n);
}

static uint64_t
number_after(const char *p, size_t n, const char *key, int base)
{
	const char *at = memmem(p, n, key, strlen(key));
	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, base);
}

static bool
begins(const char *p, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

static void
on_hello(struct member *m, const char *p, size_t n)
{
	uint64_t epoch = number_after(p, n, "\"epoch\":\"", 16);
	uint64_t seq = number_after(p, n, "\"seq\":", 10);
	bool is_resumed = memmem(p, n < 200 ? n : 200, "\"resumed\":true", 14);

	m->hello_ns = now_ns();
	here++;
	hist_add(&seen.arrival, m->hello_ns - m->away_ns);
	if (m->has_epoch && is_resumed) {
		seen.resumed++;
		if (seq != m->seq || epoch != m->epoch)
			seen.wrong++;
	} else if (m->has_epoch) {
		seen.fresh++;
	}
	m->has_epoch = true;
	m->epoch = epoch;
	m->seq = seq;
}

static void
on_event(struct member *m, const char *p, size_t n)
{
	uint64_t seq = number_after(p, n, "\"seq\":", 10);

	if (seq > m->seq + 1)
		seen.lost += seq - m->seq - 1;
	else if (seq <= m->seq)
		seen.wrong++;
	m->seq = seq;
	if (begins(p, n, "{\"type\":\"join\"")) {
		seen.joins++;
		heard_joins += m == members;
	} else if (begins(p, n, "{\"type\":\"leave\"")) {
		seen.leaves++;
		heard_leaves += m == members;
	} else {
		uint64_t at = number_after(p, n, "\"text\":\"at ", 10);
		seen.messages++;
		/* Not of those who were away when it was said. */
		if (at != 0 && at > m->hello_ns)
			hist_add(&seen.latency, now_ns() - at);
	}
}

static void
on_text(struct member *m, const char *p, size_t n)
{
	if (begins(p, n, "{\"type\":\"hello\"")) {
		on_hello(m, p, n);
	} else if (begins(p, n, "{\"type\":\"ack\"")) {
		seen.acks++;
		m->attempt = 0;
		acked_seq = number_after(p, n, "\"seq\":", 10);
		acked = number_after(p, n, "\"ref\":\"", 10);
	} else if (begins(p, n, "{\"type\":\"gap\"")) {
		seen.gaps++;
		m->seq = number_after(p, n, "\"to\":", 10);
	} else if (begins(p, n, "{\"type\":\"error\"")) {
		seen.wrong++;
	} else {
		on_event(m, p, n);
	}
}

/* How much of it were whole frames; the connection may have ended. */
static size_t
take_frames(struct member *m, uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= 2 && m->state == OPEN) {
		uint8_t *f = bytes + at;
		size_t n = f[1], head = n < 126 ? 2 : n == 126 ? 4 : 10;
		if (size - at < head)
			break;
		if (head > 2)
			n = 0;
		for (size_t i = 2; i < head; i++)
			n = n << 8 | f[i];
		if (size - at < head + n)
			break;
		if ((f[0] & 0x0f) == 8) {
			int code = n < 2 ? 0 : f[head] << 8 | f[head + 1];
			f[1] |= 0x80;
			lost(m, code);
		} else if ((f[0] & 0x0f) == 9) {
			static const uint8_t pong[7] = {
			    0x8a, 0x81, 0, 0, 0, 0, 'p'};
			put(m, pong, sizeof(pong));
		} else {
			on_text(m, (char *)f + head, n);
		}
		at += head + n;
	}
	return at;
}

static void
on_readable(struct member *m)
{
	size_t n = m->rest_bytes, used = 0;

	if (n > 0)
		memcpy(buffer, m->rest, n);
	ssize_t got = recv(m->fd, buffer + n, READ_BYTES - n - 1, 0);
	if (got == -1 && errno == EAGAIN)
		return;
	if (got <= 0) {
		if (m->state == OPENING)
			seen.unreachable++;
		lost(m, 0);
		return;
	}
	n += (size_t)got;
	buffer[n] = '\0';
	if (m->state == OPENING) {
		uint8_t *end = memmem(buffer, n, "\r\n\r\n", 4);
		if (end != NULL && memcmp(buffer, "HTTP/1.1 101", 12) != 0) {
			seen.refused++;
			lost(m, 0);
			return;
		}
		if (end != NULL) {
			m->state = OPEN;
			used = (size_t)(end - buffer) + 4;
		}
	}
	if (m->state == OPEN)
		used += take_frames(m, buffer + used, n - used);
	if (m->state == AWAY)
		return;
	m->rest_bytes = n - used;
	m->rest = realloc(m->rest, m->rest_bytes + 1);
	if (m->rest == NULL)
		die("out of memory");
	memcpy(m->rest, buffer + used, m->rest_bytes);
}

static void
come(struct member *m)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char request[1024], since[64] = "";
	int one = 1;

	m->due_ns = 0;
	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->fd == -1)
		die("socket: %s", strerror(errno));
	m->state = OPENING;
	setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(m->fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		seen.unreachable++;
		lost(m, 0);
		return;
	}
	if (m->has_epoch)
		snprintf(since, sizeof(since), "?since=%" PRIx64 "-%" PRIu64,
		    m->epoch, m->seq);
	int n = snprintf(request, sizeof(request),
	    "GET /websocket%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: bG9hZGdlbi1sb2FkZ2VuIQ==\r\n"
	    "Sec-WebSocket-Protocol: gatecast.v1\r\n"
	    "Origin: %s\r\nCookie: gatecast=%s\r\n\r\n",
	    since, origin, m->token);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = m};
	fcntl(m->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, m->fd, &ev);
	put(m, request, (size_t)n);
}

/* What is due, and then what has come. */
static void
turn(void)
{
	struct epoll_event ev[512];
	uint64_t now = now_ns();

	for (size_t i = 0; i < wanted; i++)
		if (members[i].due_ns != 0 && members[i].due_ns <= now)
			come(&members[i]);
	if (talk_ns != 0 && now >= talk_due_ns && members[0].hello_ns != 0) {
		char text[40];
		snprintf(text, sizeof(text), "at %" PRIu64, now);
		say(&members[0], text);
		talk_due_ns = now + talk_ns;
	}
	int n = epoll_wait(epoll_fd, ev, 512, 1);
	for (int i = 0; i < n; i++) {
		struct member *m = ev[i].data.ptr;
		if (m->state != AWAY)
			on_readable(m);
	}
}

static bool
is_level(uint64_t seq)
{
	for (size_t i = 0; i < wanted; i++)
		if (members[i].hello_ns != 0 && members[i].seq < seq)
			return false;
	return true;
}

static bool
has_come(const char *type, uint64_t count)
{
	return (strcmp(type, "join") == 0 ? heard_joins : heard_leaves) >=
	    count;
}

static void
stats(void)
{
	const struct hist *l = &seen.latency, *a = &seen.arrival;

	printf("{\"here\":%zu,\"joins\":%" PRIu64 ",\"leaves\":%" PRIu64
	       ",\"messages\":%" PRIu64 ",\"acks\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"fresh\":%" PRIu64
	       ",\"resumed\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"cut\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"unreachable\":%" PRIu64,
	    here, seen.joins, seen.leaves, seen.messages, seen.acks, seen.lost,
	    seen.wrong, seen.fresh, seen.resumed, seen.gaps, seen.cut,
	    seen.refused, seen.unreachable);
	printf(",\"latency_p50_ms\":%.3f,\"latency_p99_ms\":%.3f"
	       ",\"latency_max_ms\":%.3f,\"arrival_p50_ms\":%.3f"
	       ",\"arrival_p99_ms\":%.3f,\"arrival_max_ms\":%.3f}\n",
	    (double)hist_quantile_ns(l, .5) / 1e6,
	    (double)hist_quantile_ns(l, .99) / 1e6, (double)l->max_ns / 1e6,
	    (double)hist_quantile_ns(a, .5) / 1e6,
	    (double)hist_quantile_ns(a, .99) / 1e6, (double)a->max_ns / 1e6);
	memset(&seen, 0, sizeof(seen));
}

static void
join(size_t n, uint64_t over_ms)
{
	uint64_t now = now_ns();

	if (wanted + n > known)
		die("%zu members and %zu cookies", wanted + n, known);
	for (size_t i = 0; i < n; i++) {
		struct member *m = &members[wanted + i];
		m->due_ns = m->away_ns = now + over_ms * MS * i / n;
		m->has_epoch = false;
		m->attempt = 0;
	}
	wanted += n;
}

/* true: the command line is done. */
static bool
is_done(const char *line, uint64_t began_ns, uint64_t level)
{
	unsigned n = 0, ms = 0;
	char type[16] = "";

	if (sscanf(line, "leave %u %u", &n, &ms) == 2)
		return now_ns() - began_ns >= ms * MS;
	if (sscanf(line, "hear %15s %u", type, &n) == 2)
		return has_come(type, n);
	if (begins(line, strlen(line), "level"))
		return acked >= level && is_level(acked_seq);
	if (begins(line, strlen(line), "cut"))
		return here < wanted;
	if (begins(line, strlen(line), "join") ||
	    begins(line, strlen(line), "back"))
		return here == wanted;
	return true;
}

static void
obey(const char *line)
{
	uint64_t began = now_ns(), level = 0;
	unsigned n = 0, ms = 0, gone = 0;
	bool is_over;

	if (begins(line, strlen(line), "stats")) {
		stats();
		return;
	}
	if (sscanf(line, "join %u %u", &n, &ms) == 2)
		join(n, ms);
	else if (sscanf(line, "talk %u", &ms) == 1)
		talk_ns = ms * MS;
	else if (begins(line, strlen(line), "level")) {
		if (members[0].hello_ns != 0)
			say(&members[0], "level");
		level = said;
	}
	bool is_leave = sscanf(line, "leave %u %u", &n, &ms) == 2;
	while (!(is_over = is_done(line, began, level)) &&
	    now_ns() - began < PATIENCE_MS * MS) {
		while (is_leave && gone < n &&
		    now_ns() - began >= ms * MS * gone / n) {
			leave_now(&members[--wanted]);
			gone++;
		}
		turn();
	}
	for (; is_leave && gone < n; gone++)
		leave_now(&members[--wanted]);
	printf("{\"done\":%s,\"ms\":%" PRIu64 ",\"here\":%zu}\n",
	    is_over ? "true" : "false", (now_ns() - began) / MS, here);
}

static void
read_cookies(const char *path)
{
	char line[TOKEN_MAX];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		die("%s: %s", path, strerror(errno));
	for (size_t size = 0; fgets(line, sizeof(line), f) != NULL; known++) {
		if (known == size) {
			size = size == 0 ? 1024 : size * 2;
			members = realloc(members, size * sizeof(*members));
			if (members == NULL)
				die("out of memory");
		}
		memset(&members[known], 0, sizeof(*members));
		line[strcspn(line, "\n")] = '\0';
		memcpy(members[known].token, line, sizeof(line));
	}
	fclose(f);
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	char line[128];

	if (argc != 4) {
		fputs("usage: crowd PORT ORIGIN COOKIES\n", stderr);
		return 2;
	}
	port = (int)strtol(argv[1], NULL, 10);
	origin = argv[2];
	read_cookies(argv[3]);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	srand48((long)now_ns());

	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	for (;;) {
		/* Between commands the crowd goes on as well. */
		while (poll(&in, 1, 0) == 0)
			turn();
		if (fgets(line, sizeof(line), stdin) == NULL)
			return 0;
		obey(line);
	}
}
