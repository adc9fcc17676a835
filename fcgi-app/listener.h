/*
 * The socket that web servers connect to: handed over, or our own. Either is
 * non-blocking, and endpoint_close is for both.
 */
#ifndef FCGI_APP_LISTENER_H
#define FCGI_APP_LISTENER_H

#include "base/endpoint.h"

#include <stdbool.h>

/* Whether the descriptor is a socket that listens. */
bool listener_is(int fd);

/* Takes a descriptor that was handed over. 0, or -1 with errno. */
int listener_inherit(struct endpoint *e, int fd);

/*
 * Makes one as endpoint_open does; of a name with several addresses the
 * first that works. 0, or -1: logged.
 */
int listener_open(struct endpoint *e, const char *address);

/* In a child: the socket's file is the parent's to remove. */
void listener_disown(struct endpoint *e);

#endif
