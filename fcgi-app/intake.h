/*
 * One FastCGI request off the wire, within limits (FastCGI 1.0 §3-§6).
 * Pure: bytes in, state out.
 *
 * libfcgi reads parameters without a bound and for as long as the peer
 * likes. So the records are walked here first, and libfcgi gets them from
 * memory, complete, well-formed and small: see fcgi_io.h.
 */
#ifndef FCGI_APP_INTAKE_H
#define FCGI_APP_INTAKE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTAKE_PARAMS_BYTES_MAX 65536
#define INTAKE_PARAMS_MAX 256
/* Roles (§6). */
#define INTAKE_RESPONDER 1
#define INTAKE_AUTHORIZER 2

enum intake_status {
	INTAKE_MORE, /* not complete yet */
	INTAKE_DONE, /* complete, or beyond a limit: see the flags */
	INTAKE_BAD, /* not FastCGI, or no memory: close the connection */
	INTAKE_REFUSED, /* aborted, or of no role of ours: close behind replies
			 */
};

struct intake {
	/* Results. */
	uint16_t id;
	uint16_t role;
	struct buf params; /* name-value pairs as sent */
	struct buf body;
	bool is_params_over; /* too many or too large; params is empty */
	bool is_params_bad; /* lengths do not add up, or a NUL byte */
	bool is_body_over; /* more than the limit; body is cut there */
	bool has_end; /* the end of the body has been read as well */
	/*
	 * Records for the peer that are no answer to the request: whoever has
	 * sent them resets it. With each status; at most 700 bytes in all.
	 */
	struct buf replies;

	/* State. */
	size_t body_max;
	uint8_t header[8];
	size_t header_len;
	size_t content_left;
	size_t padding_left;
	uint8_t begin[8];
	size_t begin_len;
	uint8_t query[128]; /* a management record's content */
	size_t query_len;
	unsigned n_replies;
	bool has_begin;
	bool has_params;
};

void intake_init(struct intake *in, size_t body_max);
/* A password may be in the body, so that is wiped. */
void intake_fini(struct intake *in);

/* Not to be called again after another status than INTAKE_MORE. */
enum intake_status intake_feed(struct intake *in, const uint8_t *b, size_t n);

/*
 * Appends the request as three plain streams of records: what libfcgi shall
 * see. 0, or -1 out of memory.
 */
int intake_put_records(const struct intake *in, struct buf *out);

#endif
