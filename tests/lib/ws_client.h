/*
 * One WebSocket connection as a crowd of them in one process needs it: a
 * handshake without checks, text frames in (unmasked, from the server) and
 * out (masked with zero, so that the payload goes as it is); pings are
 * answered.
 *
 * All read into one buffer and keep a piece of their own only of a frame that
 * has not come whole, so ten thousand of them fit the processor's cache.
 */
#ifndef TESTS_LIB_WS_CLIENT_H
#define TESTS_LIB_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CLIENT_SEND_MAX 65535
#define WS_CLIENT_FRAME_MAX (1 << 20) /* of one that comes */

/* A request, made once and sent for any number of connections. */
struct ws_client_request {
	int port;
	size_t n;
	char text[2048];
};

/* A new one is zero but for fd. */
struct ws_client {
	int fd; /* -1: not connected */
	bool is_open; /* the handshake is over */
	unsigned code; /* of the end: HTTP's, or the Close frame's; 0: none */
	uint8_t *rest; /* of rest_cap bytes, rest_len of them in use */
	size_t rest_len, rest_cap;
};

/* A NUL stands somewhere behind the payload, so strtoull may read on it. */
typedef void ws_client_text(void *arg, const uint8_t *payload, size_t n);

/* cookie and subprotocol may be NULL. 0, or -1: too long. */
int
ws_client_request_make(struct ws_client_request *r, int port, const char *path,
    const char *origin, const char *cookie, const char *subprotocol);

/*
 * Connects to loopback, sends the request, and has epoll_fd tell with ptr
 * what comes. *c is a new one or a closed one. 0, or -1 with errno, and it is
 * closed.
 */
int ws_client_open(struct ws_client *c, const struct ws_client_request *r,
    int epoll_fd, void *ptr);

/*
 * Reads once and hands on the texts that are whole. NULL, or why the stream
 * has ended (valid until the next call): then the caller closes it.
 */
const char *
ws_client_read(struct ws_client *c, ws_client_text *text, void *arg);

/*
 * Sends one text frame of n <= WS_CLIENT_SEND_MAX bytes; waits, without rest,
 * while the socket is full. 0, or -1 with errno.
 */
int ws_client_send(struct ws_client *c, const char *text, size_t n);

/* Frees what c holds; the same again is nothing. */
void ws_client_close(struct ws_client *c);

/* The same with a reset (no TIME_WAIT: a port is free again at once). */
void ws_client_reset(struct ws_client *c);

#endif
