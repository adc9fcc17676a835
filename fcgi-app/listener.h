/*
 * The socket that web servers connect to: handed over, or our own.
 */
#ifndef FCGI_APP_LISTENER_H
#define FCGI_APP_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

struct listener {
	int fd; /* non-blocking; -1: none */
	char *path; /* of our own Unix socket, removed at the end; or NULL */
	dev_t dev; /* which one it is */
	ino_t ino;
};

/* Whether the descriptor is a socket that listens. */
bool listener_is(int fd);

/* Takes a descriptor that was handed over. 0, or -1 with errno. */
int listener_inherit(struct listener *l, int fd);

/*
 * Makes one: "unix:PATH" (mode 0660; a dead socket of that name is
 * replaced, a live one is not) or "HOST:PORT". 0, or -1: logged.
 */
int listener_open(struct listener *l, const char *address);

/* In a child: the socket's file is the parent's to remove. */
void listener_disown(struct listener *l);

/* Closes it and removes our own socket's file, if it still is ours. */
void listener_close(struct listener *l);

#endif
