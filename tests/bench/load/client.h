/*
 * One WebSocket connection as a load generator needs it: a handshake without
 * checks, text frames in (unmasked, from the server) and out (masked with
 * zero, so that the payload goes as it is).
 *
 * All read into one buffer and keep a piece of their own only of a frame that
 * has not come whole, so ten thousand of them fit the processor's cache.
 */
#ifndef BENCH_LOAD_CLIENT_H
#define BENCH_LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_TEXT_MAX 65535

/* A request, made once and sent for every connection. */
struct client_request {
	int port;
	size_t n;
	char text[2048];
};

struct client {
	int fd;
	bool is_open; /* the handshake is over */
	uint8_t *rest; /* of rest_cap bytes, rest_len of them in use */
	size_t rest_len, rest_cap;
};

typedef void client_text(void *arg, const uint8_t *payload, size_t n);

/* cookie and subprotocol may be NULL. 0, or -1: too long. */
int client_request_make(struct client_request *r, int port, const char *path,
    const char *origin, const char *cookie, const char *subprotocol);

/* Connects to loopback and sends the request. 0, or -1 with errno. */
int client_open(struct client *c, const struct client_request *r);

/*
 * Reads once and hands on the texts that are whole, of at most 64 KiB each.
 * NULL, or why the stream has ended (valid until the next call).
 */
const char *client_read(struct client *c, client_text *text, void *arg);

/*
 * Sends one text frame of n <= CLIENT_TEXT_MAX bytes; waits, without rest,
 * while the socket is full. 0, or -1 with errno.
 */
int client_send(struct client *c, const char *text, size_t n);

/* Closes with a reset (no TIME_WAIT: a port is free again at once). */
void client_reset(struct client *c);

#endif
