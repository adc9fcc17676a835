#include "fcgi-app/conn.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Waits for the descriptor; CONN_OK when it is worth a try. */
static enum conn_err
wait_for(struct conn *c, short events)
{
	struct pollfd p[2] = {
	    {.fd = c->fd, .events = events},
	    {.fd = c->stop_fd, .events = POLLIN},
	};

	for (;;) {
		int64_t now = clock_mono_ms(c->clock);
		int64_t left = c->deadline_ms - now;

		if (left <= 0)
			return CONN_TIMEOUT;
		int rc = poll(p, 2, left > INT_MAX ? INT_MAX : (int)left);
		if (rc == -1 && errno != EINTR)
			return CONN_IO;
		if (rc <= 0)
			continue;
		if (p[0].revents != 0)
			return CONN_OK;
		/* Asked to stop: this peer gets little more time. */
		if (c->deadline_ms > now + CONN_STOP_GRACE_MS)
			c->deadline_ms = now + CONN_STOP_GRACE_MS;
		p[1].fd = -1;
	}
}

/* A read of at least one byte. */
static enum conn_err
read_some(struct conn *c, void *bytes, size_t size, size_t *n)
{
	for (;;) {
		ssize_t got = read(c->fd, bytes, size);

		if (got > 0) {
			*n = (size_t)got;
			return CONN_OK;
		}
		if (got == 0 || errno == ECONNRESET)
			return CONN_CLOSED;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return CONN_IO;
		enum conn_err err = wait_for(c, POLLIN);
		if (err != CONN_OK)
			return err;
	}
}

enum conn_err
conn_read_bytes(struct conn *c, size_t n, struct buf *out)
{
	/* At once and in place: a body that moves leaves a password behind. */
	if (buf_reserve(out, n) == -1)
		return CONN_BAD;
	while (n > 0) {
		size_t got;
		enum conn_err err = read_some(c, out->data + out->len, n, &got);

		if (err != CONN_OK)
			return err;
		out->len += got;
		n -= got;
	}
	return CONN_OK;
}

enum conn_err
conn_write(struct conn *c, const struct buf *bytes)
{
	for (size_t at = 0; at < bytes->len;) {
		ssize_t n = write(c->fd, bytes->data + at, bytes->len - at);

		if (n >= 0) {
			at += (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return CONN_CLOSED;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return CONN_IO;
		enum conn_err err = wait_for(c, POLLOUT);
		if (err != CONN_OK)
			return err;
	}
	return CONN_OK;
}

bool
conn_is_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1;
}

void
conn_linger(struct conn *c)
{
	char bytes[16384];
	size_t n;

	if (shutdown(c->fd, SHUT_WR) == -1)
		return;
	while (clock_mono_ms(c->clock) < c->deadline_ms &&
	    read_some(c, bytes, sizeof(bytes), &n) == CONN_OK)
		;
}

const char *
conn_strerror(enum conn_err err)
{
	switch (err) {
	case CONN_OK:
		return "in order";
	case CONN_CLOSED:
		return "the web server closed the connection";
	case CONN_TIMEOUT:
		return "no complete request in time";
	case CONN_BAD:
		return "not FastCGI";
	case CONN_REFUSED:
		return "aborted, or a role that is not ours";
	case CONN_IO:
		return "input/output error";
	}
	return "unknown";
}
