/*
 * One WebSocket connection as a load generator needs it: a handshake without
 * checks, text frames in (unmasked, from the server) and out (masked with
 * zero, so that the payload goes as it is).
 */
#ifndef BENCH_WS_CLIENT_H
#define BENCH_WS_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WS_CLIENT_RX_MAX 131072

struct ws_handshake {
	const char *cookie; /* a whole Cookie header's value, or NULL */
	const char *origin;
	const char *subprotocol; /* or NULL */
};

struct ws_client {
	int fd;
	bool is_open; /* the handshake is over */
	uint8_t *rx;
	size_t rx_len;
};

/* Connects to loopback and sends the request. 0, or -1 with errno. */
static inline int
ws_client_open(struct ws_client *c, int port, const struct ws_handshake *h)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	char request[2048];

	memset(c, 0, sizeof(*c));
	int n = snprintf(request, sizeof(request),
	    "GET /websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: bG9hZGdlbi1sb2FkZ2VuIQ==\r\n"
	    "Origin: %s\r\n%s%s%s%s%s%s\r\n",
	    port, h->origin, h->cookie != NULL ? "Cookie: " : "",
	    h->cookie != NULL ? h->cookie : "", h->cookie != NULL ? "\r\n" : "",
	    h->subprotocol != NULL ? "Sec-WebSocket-Protocol: " : "",
	    h->subprotocol != NULL ? h->subprotocol : "",
	    h->subprotocol != NULL ? "\r\n" : "");
	if (n < 0 || (size_t)n >= sizeof(request)) {
		errno = EMSGSIZE;
		return -1;
	}
	c->rx = malloc(WS_CLIENT_RX_MAX);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->rx == NULL || c->fd == -1 ||
	    connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    write(c->fd, request, (size_t)n) != n)
		return -1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

typedef void ws_client_text(void *arg, const uint8_t *payload, size_t n);

/* The whole frames at the front of rx. NULL, or why the stream has ended. */
static inline const char *
ws_client_take_frames(struct ws_client *c, ws_client_text *text, void *arg)
{
	static char why[160];
	size_t at = 0;

	while (c->rx_len - at >= 2) {
		const uint8_t *f = c->rx + at;
		size_t avail = c->rx_len - at;
		size_t head = 2, n = f[1] & 0x7f;
		if (n == 127)
			return "a frame of more than 64 KiB";
		if (n == 126) {
			head = 4;
			if (avail < head)
				break;
			n = (size_t)f[2] << 8 | f[3];
		}
		if (avail < head + n)
			break;
		if ((f[0] & 0x0f) == 1)
			text(arg, f + head, n);
		else if ((f[0] & 0x0f) == 8) {
			snprintf(why, sizeof(why), "closed with %u %.*s",
			    n >= 2 ? (unsigned)(f[head] << 8 | f[head + 1]) : 0,
			    n > 2 ? (int)n - 2 : 0, (const char *)f + head + 2);
			return why;
		}
		at += head + n;
	}
	memmove(c->rx, c->rx + at, c->rx_len - at);
	c->rx_len -= at;
	return NULL;
}

/* Reads once and hands on what is whole. NULL, or why it has ended. */
static inline const char *
ws_client_read(struct ws_client *c, ws_client_text *text, void *arg)
{
	ssize_t n =
	    recv(c->fd, c->rx + c->rx_len, WS_CLIENT_RX_MAX - c->rx_len, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (n <= 0)
		return n == 0 ? "disconnected" : strerror(errno);
	c->rx_len += (size_t)n;
	if (!c->is_open) {
		uint8_t *end = memmem(c->rx, c->rx_len, "\r\n\r\n", 4);
		if (end == NULL)
			return NULL;
		if (memcmp(c->rx, "HTTP/1.1 101", 12) != 0) {
			*end = '\0';
			return (const char *)c->rx;
		}
		size_t head = (size_t)(end - c->rx) + 4;
		memmove(c->rx, c->rx + head, c->rx_len - head);
		c->rx_len -= head;
		c->is_open = true;
	}
	return ws_client_take_frames(c, text, arg);
}

/* Sends one text frame of n <= 65535 bytes. 0, or -1 with errno. */
static inline int
ws_client_send(struct ws_client *c, const char *text, size_t n)
{
	static uint8_t frame[8 + 65536];
	size_t head = n < 126 ? 2 : 4;

	if (n > 65535) {
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

#endif
