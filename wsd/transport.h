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

/*
 * SO_SNDBUF and SO_RCVBUF of every connection: by default the kernel alone
 * would hold 4 MB for one slow reader, and 6 MB of one who sends while we
 * stand still. It doubles the figures for its own bookkeeping.
 */
#define TRANSPORT_SOCKET_BYTES 65536
/* What it holds at most for one that is busy: it overshoots by a write. */
#define TRANSPORT_KERNEL_BYTES \
	(2 * TRANSPORT_SOCKET_BYTES + TRANSPORT_WRITE_MAX)

enum transport_result {
	TRANSPORT_OK = 0, /* at least one frame taken */
	TRANSPORT_BUSY, /* nothing taken: an earlier write is unfinished */
	TRANSPORT_GONE, /* the connection is dead; a hub_gone will follow */
};

/* What became of a write. */
struct transport_taken {
	size_t bytes; /* of those given: whole frames from the front */
	size_t kept; /* of these: not with the kernel yet, in our memory */
};

/*
 * conn is the transport's own handle. None of these calls back into the hub
 * before it returns.
 */
struct transport_ops {
	/*
	 * Sends n > 0 bytes of whole frames. When the kernel takes less, a
	 * frame that has begun is kept to its end and those behind it are not
	 * taken: a reader that stopped holds one frame here, not 32 KB.
	 * *taken is set with TRANSPORT_OK. Busy from then on if any was kept.
	 */
	enum transport_result (*write)(void *conn, const uint8_t *bytes,
	    size_t n, struct transport_taken *taken);
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
	/*
	 * Ends it with this round, closing or not; what is unsent is dropped,
	 * by the kernel too. hub_gone follows, later.
	 */
	void (*cut)(void *conn);
	/*
	 * Bytes that the kernel holds of what was written: a system call or
	 * two. *has_unsent: not all of it is on its way, since the peer takes
	 * in no more.
	 */
	size_t (*kernel_bytes)(void *conn, bool *has_unsent);
};

#endif
