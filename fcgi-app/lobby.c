/*
 * A pair of SOCK_SEQPACKET sockets; a request is one packet: when its time
 * is over, its records, and the connection as SCM_RIGHTS. What the kernel
 * lets the sending end have on the way (SO_SNDBUF, of which a packet takes
 * its own size and some) bounds their number and their memory at once: a
 * hundred sign-ins as browsers send them.
 */
#include "fcgi-app/lobby.h"

#include "fcgi-app/form.h"
#include "fcgi-app/intake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SNDBUF_BYTES 262144 /* the kernel doubles it */
/* A request's parameters and body, and the headers of their records. */
#define RECORDS_MAX (INTAKE_PARAMS_BYTES_MAX + FORM_BODY_MAX + 256)

/* One descriptor on its way. */
union rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
lobby_init(struct lobby *l)
{
	const int bytes = SNDBUF_BYTES;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return -1;
	l->in = ends[0];
	l->out = ends[1];
	/* Less, where the system allows less, is fewer that wait. */
	setsockopt(l->in, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

void
lobby_fini(struct lobby *l)
{
	close(l->in);
	close(l->out);
}

int
lobby_enter(
    const struct lobby *l, int fd, const struct buf *records, int64_t until_ms)
{
	struct iovec parts[] = {
	    {&until_ms, sizeof(until_ms)},
	    {records->data, records->len},
	};
	union rights rights;
	struct msghdr message = {
	    .msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = rights.bytes,
	    .msg_controllen = sizeof(rights.bytes),
	};
	ssize_t n;

	if (records->len > RECORDS_MAX)
		return -1;
	memset(&rights, 0, sizeof(rights));
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	do
		n = sendmsg(l->in, &message, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

enum lobby_state
lobby_look(const struct lobby *l, int64_t now_ms)
{
	int64_t until_ms;

	if (recv(l->out, &until_ms, sizeof(until_ms), MSG_PEEK) !=
	    sizeof(until_ms))
		return LOBBY_EMPTY;
	return until_ms <= now_ms ? LOBBY_OVERDUE : LOBBY_WAITING;
}

int
lobby_leave(
    const struct lobby *l, int *fd, struct buf *records, int64_t *until_ms)
{
	union rights rights;
	ssize_t n;

	if (buf_reserve(records, RECORDS_MAX) == -1)
		return -1;
	struct iovec parts[] = {
	    {until_ms, sizeof(*until_ms)},
	    {records->data, RECORDS_MAX},
	};
	struct msghdr message = {
	    .msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = rights.bytes,
	    .msg_controllen = sizeof(rights.bytes),
	};
	do
		n = recvmsg(l->out, &message, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n < (ssize_t)sizeof(*until_ms))
		return -1;
	records->len = (size_t)n - sizeof(*until_ms);
	records->data[records->len] = '\0';
	/* Not there when this process has no descriptor left. */
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_len != CMSG_LEN(sizeof(*fd)))
		return -1;
	memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return 0;
}
