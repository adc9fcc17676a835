/* See ws_client.h. */
#include "tests/lib/ws_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (4 * 65536)
#define HEAD_MAX 10
#define REST_BYTES 4096 /* that a client holds on to between frames */

enum opcode {
	TEXT = 1,
	CLOSE = 8,
	PING,
	PONG
};

/* An unfinished frame, what is read now, and the NUL. */
static uint8_t shared[HEAD_MAX + WS_CLIENT_FRAME_MAX + READ_BYTES + 1];

int
ws_client_request_make(struct ws_client_request *r, int port, const char *path,
    const char *origin, const char *cookie, const char *subprotocol)
{
	r->port = port;
	int n = snprintf(r->text, sizeof(r->text),
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: bG9hZGdlbi1sb2FkZ2VuIQ==\r\n"
	    "Origin: %s\r\n%s%s%s%s%s%s\r\n",
	    path, port, origin, cookie != NULL ? "Cookie: " : "",
	    cookie != NULL ? cookie : "", cookie != NULL ? "\r\n" : "",
	    subprotocol != NULL ? "Sec-WebSocket-Protocol: " : "",
	    subprotocol != NULL ? subprotocol : "",
	    subprotocol != NULL ? "\r\n" : "");
	if (n < 0 || (size_t)n >= sizeof(r->text))
		return -1;
	r->n = (size_t)n;
	return 0;
}

int
ws_client_open(struct ws_client *c, const struct ws_client_request *r,
    int epoll_fd, void *ptr)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)r->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};
	int one = 1;

	c->is_open = false;
	c->code = 0;
	c->rest_len = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return -1;
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    send(c->fd, r->text, r->n, MSG_NOSIGNAL) != (ssize_t)r->n)
		goto err;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		goto err;
	return 0;
err:;
	int cause = errno;
	ws_client_close(c);
	errno = cause;
	return -1;
}

static int
send_frame(
    struct ws_client *c, enum opcode opcode, const void *payload, size_t n)
{
	static uint8_t frame[8 + WS_CLIENT_SEND_MAX];
	size_t head = n < 126 ? 2 : 4;

	if (n > WS_CLIENT_SEND_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	frame[0] = (uint8_t)(0x80 | opcode);
	frame[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		frame[2] = (uint8_t)(n >> 8);
		frame[3] = (uint8_t)n;
	}
	memset(frame + head, 0, 4);
	memcpy(frame + head + 4, payload, n);
	n += head + 4;
	for (size_t at = 0; at < n;) {
		ssize_t w = send(c->fd, frame + at, n - at, MSG_NOSIGNAL);
		if (w == -1 && errno == EAGAIN)
			continue;
		if (w == -1)
			return -1;
		at += (size_t)w;
	}
	return 0;
}

int
ws_client_send(struct ws_client *c, const char *text, size_t n)
{
	return send_frame(c, TEXT, text, n);
}

/* All but text. NULL, or why the stream has ended. */
static const char *
take_control(struct ws_client *c, int opcode, const uint8_t *p, size_t n)
{
	static char why[160];

	if (opcode == PING && send_frame(c, PONG, p, n) == -1)
		return strerror(errno);
	if (opcode != CLOSE)
		return NULL;
	c->code = n >= 2 ? (unsigned)(p[0] << 8 | p[1]) : 0;
	snprintf(why, sizeof(why), "closed with %u %.*s", c->code,
	    n > 2 ? (int)n - 2 : 0, (const char *)p + 2);
	return why;
}

/* Takes the whole frames at the front; *used says how much they were. */
static const char *
take_frames(struct ws_client *c, const uint8_t *p, size_t avail,
    ws_client_text *text, void *arg, size_t *used)
{
	for (*used = 0; avail >= 2;) {
		size_t head = 2, n = p[1] & 0x7f;
		if (n >= 126) {
			head = n == 126 ? 4 : HEAD_MAX;
			if (avail < head)
				break;
			n = 0;
			for (size_t i = 2; i < head; i++)
				n = n << 8 | p[i];
		}
		if (n > WS_CLIENT_FRAME_MAX)
			return "a frame of more than 1 MiB";
		if (avail < head + n)
			break;
		int opcode = p[0] & 0x0f;
		if (opcode == TEXT) {
			text(arg, p + head, n);
		} else {
			const char *why = take_control(c, opcode, p + head, n);
			if (why != NULL)
				return why;
		}
		p += head + n;
		avail -= head + n;
		*used += head + n;
	}
	return NULL;
}

static const char *
keep(struct ws_client *c, const uint8_t *rest, size_t n)
{
	if (n > c->rest_cap) {
		uint8_t *bigger = realloc(c->rest, n);
		if (bigger == NULL)
			return "out of memory";
		c->rest = bigger;
		c->rest_cap = n;
	}
	if (n > 0) {
		memcpy(c->rest, rest, n);
	} else if (c->rest_cap > REST_BYTES) {
		free(c->rest);
		c->rest = NULL;
		c->rest_cap = 0;
	}
	c->rest_len = n;
	return NULL;
}

/* The first line of the answer. */
static const char *
refused(struct ws_client *c)
{
	char *line = (char *)shared;

	line[strcspn(line, "\r\n")] = '\0';
	c->code = (unsigned)strtoul(line + strcspn(line, " "), NULL, 10);
	return line;
}

const char *
ws_client_read(struct ws_client *c, ws_client_text *text, void *arg)
{
	size_t have = c->rest_len, at = 0, used;

	if (have > 0)
		memcpy(shared, c->rest, have);
	ssize_t n = recv(c->fd, shared + have, READ_BYTES, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (n <= 0)
		return n == 0 ? "disconnected" : strerror(errno);
	have += (size_t)n;
	shared[have] = '\0';
	if (!c->is_open) {
		uint8_t *end = memmem(shared, have, "\r\n\r\n", 4);
		if (end == NULL && have > READ_BYTES)
			return "no end of the answer to the handshake";
		if (end == NULL)
			return keep(c, shared, have);
		if (memcmp(shared, "HTTP/1.1 101", 12) != 0)
			return refused(c);
		at = (size_t)(end - shared) + 4;
		c->is_open = true;
	}
	const char *why =
	    take_frames(c, shared + at, have - at, text, arg, &used);
	at += used;
	return why != NULL ? why : keep(c, shared + at, have - at);
}

void
ws_client_close(struct ws_client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	free(c->rest);
	c->rest = NULL;
	c->rest_len = c->rest_cap = 0;
}

void
ws_client_reset(struct ws_client *c)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	ws_client_close(c);
}
