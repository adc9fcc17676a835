/*
 * A web server's connection or pipe: the reads and writes that wait, each
 * with a deadline. What a worker reads does not wait: see intakes.h.
 */
#ifndef FCGI_APP_CONN_H
#define FCGI_APP_CONN_H

#include "base/buf.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum conn_err {
	CONN_OK = 0,
	CONN_CLOSED, /* the peer went away */
	CONN_TIMEOUT,
	CONN_BAD, /* not FastCGI, or no memory */
	CONN_REFUSED, /* not to be handled; the peer has been told */
	CONN_IO, /* errno */
};

struct conn {
	int fd; /* non-blocking */
	int stop_fd; /* readable: we shall end soon; -1: none */
	const struct clock *clock;
	int64_t deadline_ms; /* monotonic */
};

/* Time left for each peer from when the program is asked to stop. */
#define CONN_STOP_GRACE_MS 1000

/* Exactly n bytes, appended; for CGI. */
enum conn_err conn_read_bytes(struct conn *c, size_t n, struct buf *out);

enum conn_err conn_write(struct conn *c, const struct buf *bytes);

/* Whether the peer has closed its end, or half of it. */
bool conn_is_gone(int fd);

/*
 * Says that the answer is complete and takes what the peer still sends, so
 * that closing with unread bytes does not take the answer away from it.
 */
void conn_linger(struct conn *c);

const char *conn_strerror(enum conn_err err);

#endif
