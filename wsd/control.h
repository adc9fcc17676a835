/*
 * The control socket, wsd.control: requests a line each, answered in order
 * (control_request.h, control_reply.h).
 *
 * Who may: root, the user wsd runs as, and the owner of store.dir, who can
 * end every session anyway. The kernel says who it is (SO_PEERCRED); the
 * socket's mode and group only keep others out earlier. At most CONTROL_MAX
 * at a time, the oldest goes; each request and its answer have CONTROL_MS.
 */
#ifndef WSD_CONTROL_H
#define WSD_CONTROL_H

#include "base/buf.h"
#include "base/clock.h"
#include "wsd/control_reply.h"
#include "wsd/loop.h"

#define CONTROL_MAX 16
#define CONTROL_MS 3000
/* Of a request: the longest text, all of it line feeds, and the rest. */
#define CONTROL_LINE_MAX (2 * 65536 + 1024)

struct control;

struct control_opts {
	struct loop *loop;
	const struct clock *clock;
	struct control_actions actions;
};

struct control *control_new(const struct control_opts *opts);

/* Opens it at "unix:PATH" (see listeners_open), with mode 0660. 0 or -1. */
int control_open(struct control *c, const char *where, struct buf *error);

/*
 * Takes over a listening socket that was passed to us, if it is the one at
 * where. 1: taken; 0: it is another one; -1 with the reason.
 */
int
control_adopt(struct control *c, int fd, const char *where, struct buf *error);

/* Cuts those whose time is over. A few times a second. */
void control_tick(struct control *c);

void control_free(struct control *c); /* NULL is legal */

#endif
