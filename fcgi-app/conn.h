/*
 * A web server's connection: the only reads and writes that can wait, each
 * with a deadline.
 */
#ifndef FCGI_APP_CONN_H
#define FCGI_APP_CONN_H

#include "base/buf.h"
#include "base/clock.h"
#include "fcgi-app/intake.h"

#include <stdbool.h>
#include <stdint.h>

enum conn_err {
	CONN_OK = 0,
	CONN_CLOSED, /* the peer went away */
	CONN_TIMEOUT,
	CONN_BAD, /* not FastCGI, or no memory */
	CONN_REFUSED, /* the request has had its end; conn_linger is due */
	CONN_IO, /* errno */
};

struct conn {
	int fd; /* non-blocking */
	int stop_fd; /* readable: we shall end soon; -1: none */
	const struct clock *clock;
	int64_t deadline_ms; /* monotonic */
};

/* Time left when stop_fd becomes readable while a request is being read. */
#define CONN_STOP_GRACE_MS 1000

/* Feeds the intake until it is done, and sends its replies. */
enum conn_err conn_read_request(struct conn *c, struct intake *in);

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
