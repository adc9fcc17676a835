/*
 * Where requests wait for a hash slot, whole and with their connections, so
 * that no worker waits with them: a queue in the kernel that all workers
 * share. Whoever finds a slot free takes the oldest; a worker that dies or
 * is replaced takes none of them along.
 */
#ifndef FCGI_APP_LOBBY_H
#define FCGI_APP_LOBBY_H

#include "base/buf.h"

#include <stdint.h>

struct lobby {
	int in, out;
};

enum lobby_state {
	LOBBY_EMPTY,
	LOBBY_WAITING,
	LOBBY_OVERDUE, /* the oldest has waited for long enough */
};

/* Before fork. 0, or -1 with errno. */
int lobby_init(struct lobby *l);
void lobby_fini(struct lobby *l);

/*
 * records: the request (intake.h). until_ms: monotonic. 0: the lobby has a
 * descriptor of its own for the connection; -1: it is full.
 */
int lobby_enter(
    const struct lobby *l, int fd, const struct buf *records, int64_t until_ms);

/* Never waits; another worker may have the oldest a moment later. */
enum lobby_state lobby_look(const struct lobby *l, int64_t now_ms);

/*
 * The oldest: its connection, which the caller closes, and its records, a
 * password maybe among them, appended to an empty buffer even on failure. 0,
 * or -1: nobody is there, or no memory.
 */
int lobby_leave(
    const struct lobby *l, int *fd, struct buf *records, int64_t *until_ms);

#endif
