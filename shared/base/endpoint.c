/*
 * A name that is taken by a socket nobody listens on is the rest of a process
 * that was killed. To tell, one has to connect; so two that start at once
 * must not do it at the same time, and a lock on the directory sees to that.
 */
#include "base/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
#define LOCK_WAIT_MS 5000
#define LOCK_RETRY_MS 20

/*
 * Makes room at path: removes a socket nobody listens on. Anything else that
 * is there stays, and is said.
 */
static int
clear_stale(const char *path, const struct sockaddr_un *sun, struct buf *error)
{
	struct stat st;
	if (lstat(path, &st) == -1) {
		if (errno == ENOENT)
			return 0;
		buf_printf(error, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		buf_printf(error,
		    "%s: is not a socket; remove it or choose another path\n",
		    path);
		return -1;
	}
	int probe =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe == -1) {
		buf_printf(error, "socket: %s\n", strerror(errno));
		return -1;
	}
	int rc = connect(probe, (const struct sockaddr *)sun, sizeof(*sun));
	int saved = errno;
	close(probe);
	if (rc == -1 && saved == ECONNREFUSED) {
		if (unlink(path) == 0 || errno == ENOENT)
			return 0;
		saved = errno;
	} else if (rc == 0 || saved == EAGAIN) {
		buf_printf(error,
		    "%s: in use: another process is listening there\n", path);
		return -1;
	}
	buf_printf(error, "%s: %s\n", path, strerror(saved));
	return -1;
}

/* What it made by then is the caller's to close, also when it fails. */
static int
bind_unix(struct endpoint *e, const char *path, const struct sockaddr_un *sun,
    struct buf *error)
{
	struct stat st;

	if (clear_stale(path, sun, error) == -1)
		return -1;
	e->path = strdup(path);
	e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->path == NULL || e->fd == -1)
		goto err0;
	mode_t mask = umask(0117); /* 0660 */
	int rc = bind(e->fd, (const struct sockaddr *)sun, sizeof(*sun));
	umask(mask); /* cannot fail */
	if (rc == -1 || lstat(path, &st) == -1)
		goto err0;
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	return 0;

err0:
	buf_printf(error, "%s: %s\n", path, strerror(errno));
	return -1;
}

/*
 * Others hold it for moments; but whoever may read the directory can take it,
 * and shall not be able to keep a program from starting without being named.
 */
static int
lock_dir(int dir)
{
	const struct timespec pause = {.tv_nsec = LOCK_RETRY_MS * 1000000L};
	int rc;

	for (int ms = 0; ms < LOCK_WAIT_MS; ms += LOCK_RETRY_MS) {
		rc = flock(dir, LOCK_EX | LOCK_NB);
		if (rc == 0 || (errno != EWOULDBLOCK && errno != EINTR))
			return rc;
		nanosleep(&pause, NULL);
	}
	errno = EWOULDBLOCK;
	return -1;
}

/* Why a directory cannot be had, in words. */
static const char *
why_not(int error)
{
	return error == EWOULDBLOCK ? "another process holds a lock on it"
				    : strerror(error);
}

static int
open_unix(const char *path, endpoint_take *take, void *arg, struct buf *error)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct endpoint e = {.fd = -1};
	int rc = -1;

	if (path[0] == '\0' || strlen(path) >= sizeof(sun.sun_path)) {
		buf_printf(error,
		    UNIX_PREFIX "%s: the path must have 1 to %zu bytes\n", path,
		    sizeof(sun.sun_path) - 1);
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	char *dir_name = strdup(path);
	if (dir_name == NULL) {
		buf_puts(error, "out of memory\n");
		return -1;
	}
	int dir = open(dirname(dir_name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1 || lock_dir(dir) == -1) {
		buf_printf(
		    error, "%s: its directory: %s\n", path, why_not(errno));
		goto out;
	}
	rc = bind_unix(&e, path, &sun, error);
	if (rc == 0)
		rc = take(arg, &e, error);
	if (rc == -1)
		endpoint_close(&e);

out:
	if (dir != -1)
		close(dir);
	free(dir_name);
	return rc;
}

static int
open_address(const struct addrinfo *ai, endpoint_take *take, void *arg,
    struct buf *error)
{
	const int yes = 1;
	struct endpoint e = {
	    .fd = socket(ai->ai_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol),
	};

	if (e.fd == -1)
		goto err0;
	setsockopt(e.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (ai->ai_family == AF_INET6)
		setsockopt(e.fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(e.fd, ai->ai_addr, ai->ai_addrlen) == -1)
		goto err0;
	if (take(arg, &e, error) == 0)
		return 0;
	endpoint_close(&e);
	return -1;

err0:
	buf_printf(error, "%s\n", strerror(errno));
	endpoint_close(&e);
	return -1;
}

static int
open_tcp(const char *where, endpoint_take *take, void *arg, struct buf *error)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char host[NI_MAXHOST];

	const char *colon = strrchr(where, ':');
	const char *start_of_host = where;
	size_t n = colon != NULL ? (size_t)(colon - where) : 0;
	if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
		start_of_host++;
		n -= 2;
	}
	if (colon == NULL || n == 0 || n >= sizeof(host)) {
		buf_printf(error,
		    "%s: must be " UNIX_PREFIX "PATH or HOST:PORT\n", where);
		return -1;
	}
	memcpy(host, start_of_host, n);
	host[n] = '\0';
	int rc = getaddrinfo(
	    strcmp(host, "*") == 0 ? NULL : host, colon + 1, &hints, &list);
	if (rc != 0) {
		buf_printf(error, "%s: %s\n", where, gai_strerror(rc));
		return -1;
	}
	/* localhost is two addresses; a machine may have but one of them. */
	size_t opened = 0;
	struct buf why = BUF_INIT;
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		buf_reset(&why);
		if (open_address(ai, take, arg, &why) == 0)
			opened++;
	}
	freeaddrinfo(list);
	if (opened == 0)
		buf_printf(error, "%s: %s", where, buf_str(&why));
	buf_fini(&why);
	return opened > 0 ? 0 : -1;
}

int
endpoint_open(
    const char *where, endpoint_take *take, void *arg, struct buf *error)
{
	static const char prefix[] = UNIX_PREFIX;
	const size_t n = sizeof(prefix) - 1;

	if (strncmp(where, prefix, n) == 0)
		return open_unix(where + n, take, arg, error);
	return open_tcp(where, take, arg, error);
}

void
endpoint_close(struct endpoint *e)
{
	struct stat st;

	/* Whoever put another one there keeps it. */
	if (e->path != NULL && lstat(e->path, &st) == 0 &&
	    st.st_dev == e->dev && st.st_ino == e->ino)
		unlink(e->path);
	free(e->path);
	e->path = NULL;
	if (e->fd != -1)
		close(e->fd);
	e->fd = -1;
}
