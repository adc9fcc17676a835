/*
 * systemd's service protocol by hand: datagrams to $NOTIFY_SOCKET and
 * descriptors from $LISTEN_FDS.
 */
#include "base/notify.h"

#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Above it a LISTEN_FDS is not systemd's: RLIMIT_NOFILE's usual maximum. */
#define MAX_FDS 524288

static bool
parse_env(const char *s, int64_t max, int64_t *out)
{
	return number_parse(s, strlen(s), max, out);
}

/* Made once: a program that is in its sandbox makes no more of them. */
static int
get_socket(void)
{
	static int fd = -1;

	if (fd == -1)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd;
}

int
notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path == NULL || path[0] == '\0')
		return 0;
	return get_socket() == -1 ? -1 : 0;
}

int
notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (path == NULL || path[0] == '\0')
		return 1;
	size_t len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len < 2) {
		errno = EINVAL;
		return -1;
	}
	if (len >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, len);
	/* An abstract name starts with a NUL and has none at its end. */
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	socklen_t sun_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    len + (path[0] == '/' ? 1 : 0));

	int fd = get_socket();
	if (fd == -1)
		return -1;
	/* Never waits: a full queue must not stop the event loop. */
	ssize_t n;
	do
		n = sendto(fd, state, strlen(state),
		    MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&sun,
		    sun_len);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

int64_t
notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t value;

	if (usec == NULL || !parse_env(usec, INT64_MAX, &value))
		return 0;
	int64_t half_ms = value / 2 / 1000;
	if (pid != NULL &&
	    (!parse_env(pid, INT_MAX, &value) || value != getpid()))
		return 0;
	return half_ms;
}

/* -> count, or -1: malformed, or not the descriptors that are open. */
static int
take_fds(const char *pid, const char *fds)
{
	int64_t value;

	if (pid == NULL && fds == NULL)
		return 0;
	if (pid == NULL || fds == NULL || !parse_env(pid, INT_MAX, &value))
		return -1;
	/* Left to us by a parent that it was meant for. */
	if (value != getpid())
		return 0;
	if (!parse_env(fds, MAX_FDS, &value))
		return -1;
	int end = NOTIFY_FD_FIRST + (int)value;
	for (int fd = NOTIFY_FD_FIRST; fd < end; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags == -1 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == -1)
			return -1;
	}
	return (int)value;
}

int
notify_listen_fds(void)
{
	int n = take_fds(getenv("LISTEN_PID"), getenv("LISTEN_FDS"));

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n == -1)
		errno = EINVAL;
	return n;
}
