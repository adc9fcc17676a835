/*
 * Listening sockets, and the accept loop over them. We own them, and not
 * libwebsockets, so that a systemd socket can be used, that the mode of a
 * Unix socket is ours, and that running out of descriptors does not spin.
 */
#ifndef WSD_LISTENER_H
#define WSD_LISTENER_H

#include "base/buf.h"
#include "base/clock.h"
#include "wsd/loop.h"

struct listeners;

/*
 * fd is a fresh nonblocking connection, the callee's to close; peer its
 * numeric address or "unix", valid during the call.
 */
typedef void listener_accept(void *arg, int fd, const char *peer);

struct listeners *listeners_new(
    struct loop *l, const struct clock *clock, listener_accept *fn, void *arg);

/* Opens what endpoint_open can. 0, or -1 with what is wrong in *error. */
int listeners_open(struct listeners *ls, const char *where, struct buf *error);

/* Takes over a listening socket that was passed to us (systemd). */
int listeners_adopt(struct listeners *ls, int fd, struct buf *error);

/* Closes them all and removes the Unix sockets we made. */
void listeners_free(struct listeners *ls); /* NULL is legal */

#endif
