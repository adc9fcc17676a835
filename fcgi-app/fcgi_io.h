/*
 * libfcgi, kept in a room of its own; the only file that knows fcgiapp.h.
 *
 * libfcgi blocks on its connection in reads and writes alike and has no
 * deadline. Here its "connection" is a file in memory: a complete request
 * goes in (intake.h), the answer's records come out, and the socket is
 * conn.h's business alone. So neither a silent nor a slow peer can hold a
 * worker beyond its deadline, and libfcgi never allocates more than was
 * measured before. The price is one copy of some kilobytes.
 */
#ifndef FCGI_APP_FCGI_IO_H
#define FCGI_APP_FCGI_IO_H

#include "base/buf.h"
#include "fcgi-app/intake.h"

#include <stddef.h>

struct fcgi_io;

/* One per process, after fork. NULL with errno. */
struct fcgi_io *fcgi_io_new(void);
void fcgi_io_free(struct fcgi_io *io);

/*
 * Begins a request. *params: NULL-ended "NAME=value" strings, valid until
 * fcgi_io_end. The body is appended to *body. 0, or -1: libfcgi does not
 * take it, or no memory; nothing has begun then.
 */
int fcgi_io_begin(struct fcgi_io *io, const struct intake *in,
    char *const **params, struct buf *body);

/* Ends it with an answer in CGI form; the records go to *out. 0 or -1. */
int fcgi_io_end(struct fcgi_io *io, const struct buf *answer, struct buf *out);

#endif
