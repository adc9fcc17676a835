#include "fcgi-app/listener.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 1024

bool
listener_is(int fd)
{
	int is_listening = 0;
	socklen_t n = sizeof(is_listening);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n) ==
	    0 &&
	    is_listening != 0;
}

int
listener_inherit(struct endpoint *e, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	e->fd = -1;
	e->path = NULL;
	/* Several workers wait for one connection; only one gets it. */
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -1;
	e->fd = fd;
	return 0;
}

static int
take_first(void *arg, const struct endpoint *bound, struct buf *error)
{
	struct endpoint *e = arg;

	if (e->fd != -1) {
		buf_puts(error, "one address is enough\n");
		return -1;
	}
	if (listen(bound->fd, BACKLOG) == -1) {
		buf_printf(error, "%s\n", strerror(errno));
		return -1;
	}
	*e = *bound;
	return 0;
}

int
listener_open(struct endpoint *e, const char *address)
{
	struct buf error = BUF_INIT;

	e->fd = -1;
	e->path = NULL;
	int rc = endpoint_open(address, take_first, e, &error);
	if (rc == -1)
		log_err("listen on %.*s", (int)strcspn(buf_str(&error), "\n"),
		    buf_str(&error));
	else if (e->path == NULL)
		log_warn("listening on TCP %s: whoever can connect to it can "
			 "claim any client address",
		    address);
	buf_fini(&error);
	return rc;
}

void
listener_disown(struct endpoint *e)
{
	free(e->path);
	e->path = NULL;
}
