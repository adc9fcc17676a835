/* See client.h. */
#include "tests/bench/load/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t shared[4 * 65536];

int
client_request_make(struct client_request *r, int port, const char *path,
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
client_open(struct client *c, const struct client_request *r)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)r->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	c->is_open = false;
	c->rest_len = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return -1;
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    send(c->fd, r->text, r->n, MSG_NOSIGNAL) != (ssize_t)r->n)
		goto err;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		goto err;
	return 0;
err:
	close(c->fd);
	c->fd = -1;
	return -1;
}

/* Takes the whole frames at the front; *used says how much they were. */
static const char *
take_frames(
    const uint8_t *p, size_t avail, client_text *text, void *arg, size_t *used)
{
	static char why[160];

	for (*used = 0; avail >= 2;) {
		size_t head = 2, n = p[1] & 0x7f;
		if (n == 127)
			return "a frame of more than 64 KiB";
		if (n == 126) {
			head = 4;
			if (avail < head)
				break;
			n = (size_t)p[2] << 8 | p[3];
		}
		if (avail < head + n)
			break;
		if ((p[0] & 0x0f) == 1)
			text(arg, p + head, n);
		else if ((p[0] & 0x0f) == 8) {
			snprintf(why, sizeof(why), "closed with %u %.*s",
			    n >= 2 ? (unsigned)(p[head] << 8 | p[head + 1]) : 0,
			    n > 2 ? (int)n - 2 : 0, (const char *)p + head + 2);
			return why;
		}
		p += head + n;
		avail -= head + n;
		*used += head + n;
	}
	return NULL;
}

static const char *
keep(struct client *c, const uint8_t *rest, size_t n)
{
	if (n > c->rest_cap) {
		uint8_t *bigger = realloc(c->rest, n);
		if (bigger == NULL)
			return "out of memory";
		c->rest = bigger;
		c->rest_cap = n;
	}
	if (n > 0)
		memcpy(c->rest, rest, n);
	c->rest_len = n;
	return NULL;
}

const char *
client_read(struct client *c, client_text *text, void *arg)
{
	size_t have = c->rest_len, at = 0, used;

	if (have > 0)
		memcpy(shared, c->rest, have);
	ssize_t n = recv(c->fd, shared + have, sizeof(shared) - 1 - have, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (n <= 0)
		return n == 0 ? "disconnected" : strerror(errno);
	have += (size_t)n;
	if (!c->is_open) {
		shared[have] = '\0';
		uint8_t *end = memmem(shared, have, "\r\n\r\n", 4);
		if (end == NULL)
			return keep(c, shared, have);
		if (memcmp(shared, "HTTP/1.1 101", 12) != 0) {
			shared[strcspn((char *)shared, "\r\n")] = '\0';
			return (const char *)shared;
		}
		at = (size_t)(end - shared) + 4;
		c->is_open = true;
	}
	const char *why = take_frames(shared + at, have - at, text, arg, &used);
	at += used;
	return why != NULL ? why : keep(c, shared + at, have - at);
}

int
client_send(struct client *c, const char *text, size_t n)
{
	static uint8_t frame[8 + CLIENT_TEXT_MAX];
	size_t head = n < 126 ? 2 : 4;

	if (n > CLIENT_TEXT_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	frame[0] = 0x81;
	frame[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		frame[2] = (uint8_t)(n >> 8);
		frame[3] = (uint8_t)n;
	}
	memset(frame + head, 0, 4);
	memcpy(frame + head + 4, text, n);
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

void
client_reset(struct client *c)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->fd);
	c->fd = -1;
}
