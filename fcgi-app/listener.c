#include "fcgi-app/listener.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define UNIX_PREFIX "unix:"

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
listener_inherit(struct listener *l, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	l->fd = -1;
	l->path = NULL;
	/* Several workers wait for one connection; only one gets it. */
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -1;
	l->fd = fd;
	return 0;
}

/* A socket file that nobody answers on is a leftover. */
static int
remove_dead(const struct sockaddr_un *sun)
{
	struct stat st;

	if (lstat(sun->sun_path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	int rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	int error = errno;
	close(fd);
	if (rc == 0 || error != ECONNREFUSED) {
		errno = rc == 0 ? EADDRINUSE : error;
		return -1;
	}
	return unlink(sun->sun_path);
}

static int
open_unix(struct listener *l, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		goto err0;
	}
	memcpy(sun.sun_path, path, strlen(path));
	if (remove_dead(&sun) == -1)
		goto err0;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd == -1)
		goto err0;
	/* Nobody may connect between bind and chmod. */
	mode_t mask = umask(0177);
	int rc = bind(l->fd, (const struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (rc == -1)
		goto err1;
	if (chmod(path, 0660) == -1 || listen(l->fd, BACKLOG) == -1 ||
	    lstat(path, &st) == -1)
		goto err2;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	l->path = strdup(path);
	if (l->path == NULL)
		goto err2;
	return 0;

err2:
	unlink(path);
err1:
	close(l->fd);
	l->fd = -1;
err0:
	log_err_errno("listen on unix:%s", path);
	return -1;
}

/* "HOST:PORT", "[v6]:PORT" cut in two. */
static bool
split(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text)
		return false;
	*colon = '\0';
	*port = colon + 1;
	*host = text;
	if (text[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		*host = text + 1;
	}
	return **port != '\0';
}

static int
bind_tcp(const struct addrinfo *info)
{
	int on = 1;
	int fd = socket(info->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
open_tcp(struct listener *l, const char *address)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *info = NULL;
	char *text = strdup(address);
	char *host, *port;
	int rc = -1;

	if (text == NULL || !split(text, &host, &port)) {
		log_err("listen on %s: not unix:PATH or HOST:PORT", address);
		goto out;
	}
	int error = getaddrinfo(host, port, &hints, &info);
	if (error != 0) {
		log_err("listen on %s: %s", address, gai_strerror(error));
		goto out;
	}
	l->fd = bind_tcp(info);
	if (l->fd == -1) {
		log_err_errno("listen on %s", address);
		goto out;
	}
	log_warn("listening on TCP %s: whoever can connect to it can claim "
		 "any client address",
	    address);
	rc = 0;
out:
	if (info != NULL)
		freeaddrinfo(info);
	free(text);
	return rc;
}

int
listener_open(struct listener *l, const char *address)
{
	l->fd = -1;
	l->path = NULL;
	if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return open_unix(l, address + strlen(UNIX_PREFIX));
	return open_tcp(l, address);
}

void
listener_disown(struct listener *l)
{
	free(l->path);
	l->path = NULL;
}

void
listener_close(struct listener *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	listener_disown(l);
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
}
