/*
 * What the hub sees of a connection: a small seam, so that backpressure,
 * resume and slow readers are tested without a socket. transport_lws.c
 * implements it on libwebsockets, tests/unit/fake_transport.h in memory.
 */
#ifndef WSD_TRANSPORT_H
#define WSD_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One write never takes more; it always ends on a frame boundary unless a
 * single frame is longer. */
#define TRANSPORT_WRITE_MAX 32768

enum transport_result {
	TRANSPORT_OK = 0, /* all bytes taken (sent, or kept by the library) */
	TRANSPORT_BUSY, /* nothing taken: an earlier write is unfinished */
	TRANSPORT_GONE, /* the connection is dead; a hub_gone will follow */
};

/*
 * conn is the transport's own handle. None of these calls back into the hub
 * before it returns.
 */
struct transport_ops {
	/* Sends n bytes of whole frames. The bytes are not kept. */
	enum transport_result (*write)(
	    void *conn, const uint8_t *bytes, size_t n);
	/* Whether a write would be TRANSPORT_BUSY. Costs no system call. */
	bool (*is_busy)(void *conn);
	/* Asks for one hub_writable when the connection can take more. */
	void (*want_write)(void *conn);
	/*
	 * Starts closing with a close frame (RFC 6455 §7.4); nothing is
	 * written after it. hub_gone follows, later. reason: at most 123
	 * bytes of UTF-8, may be "".
	 */
	void (*close)(void *conn, uint16_t code, const char *reason);
};

#endif
