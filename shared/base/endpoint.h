/*
 * Sockets to listen on, by the name that a configuration has for them:
 * "unix:PATH" or "HOST:PORT".
 */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include "base/buf.h"

#include <sys/types.h>

struct endpoint {
	int fd; /* -1: none */
	char *path; /* of a Unix socket made here, or NULL; owned */
	dev_t dev; /* which file that is */
	ino_t ino;
};

/*
 * A socket that is bound and does not listen yet, nonblocking; while it is
 * a Unix one, no other process that goes by the same rules takes its name. 0:
 * it listens, and the copy of *e is the callee's. -1: it stays the caller's,
 * with the reason in *error, a line.
 */
typedef int
endpoint_take(void *arg, const struct endpoint *e, struct buf *error);

/*
 * "unix:PATH": mode 0660; a socket left behind by a dead process is removed,
 * one that answers and what is no socket are refused. "HOST:PORT": HOST a
 * name, an address, [an IPv6 one], which takes no IPv4, or * for all; a name
 * may be several sockets. 0: one at least was taken. -1: none, and what is
 * wrong is appended to *error.
 */
int endpoint_open(
    const char *where, endpoint_take *take, void *arg, struct buf *error);

/* Closes it, and removes its file if that is still the one made here. */
void endpoint_close(struct endpoint *e);

#endif
