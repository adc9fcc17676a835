/*
 * Bounded work a wake-up: a burst of connections must not starve those that
 * are already served. When no descriptor is left, the sockets rest for a
 * moment: what waits in the backlog is served as soon as others have gone.
 */
#include "wsd/listener.h"

#include "base/log.h"
#include "wsd/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPTS_A_WAKEUP 16
#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */
#define REST_MS 250

struct listener {
	TAILQ_ENTRY(listener) entry;
	struct listeners *owner;
	int fd;
	bool is_unix;
	char *path; /* of a Unix socket we made, to remove it again */
	dev_t dev;
	ino_t ino;
	struct loop_fd *watch;
};

TAILQ_HEAD(listener_list, listener);

struct listeners {
	struct loop *loop;
	const struct clock *clock;
	listener_accept *fn;
	void *arg;
	struct loop_timer *rest;
	bool is_resting;
	int64_t logged_ms;
	struct listener_list list;
};

static void
on_rested(void *arg)
{
	struct listeners *ls = arg;
	struct listener *l;
	ls->is_resting = false;
	TAILQ_FOREACH (l, &ls->list, entry)
		loop_fd_resume(l->watch);
}

static void
rest(struct listeners *ls)
{
	struct listener *l;
	int64_t now = clock_mono_ms(ls->clock);
	if (ls->logged_ms == 0 || now - ls->logged_ms >= 1000) {
		log_err_errno("accept: resting for %d ms", REST_MS);
		ls->logged_ms = now;
	}
	ls->is_resting = true;
	TAILQ_FOREACH (l, &ls->list, entry)
		loop_fd_pause(l->watch);
	loop_timer_set(ls->rest, REST_MS, 0);
}

/* The peer's numeric address; IPv4 in IPv6 as IPv4. */
static void
name_peer(const struct sockaddr_storage *ss, char *out, socklen_t size)
{
	const struct sockaddr_in *v4 = (const void *)ss;
	const struct sockaddr_in6 *v6 = (const void *)ss;
	const char *done = NULL;
	if (ss->ss_family == AF_INET)
		done = inet_ntop(AF_INET, &v4->sin_addr, out, size);
	else if (ss->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		done =
		    inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, size);
	else if (ss->ss_family == AF_INET6)
		done = inet_ntop(AF_INET6, &v6->sin6_addr, out, size);
	else
		done = memcpy(out, "unix", sizeof("unix"));
	if (done == NULL)
		out[0] = '\0';
}

static void
bound_buffers(int fd)
{
	int bytes = TRANSPORT_SOCKET_BYTES;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void
on_ready(void *arg)
{
	struct listener *l = arg;
	struct listeners *ls = l->owner;

	for (int i = 0; i < ACCEPTS_A_WAKEUP; i++) {
		struct sockaddr_storage ss = {0};
		socklen_t len = sizeof(ss);
		int fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			switch (errno) {
			case EAGAIN:
				return;
			case EINTR:
			case ECONNABORTED:
			case EPROTO:
			case EPERM: /* a firewall rule */
				continue;
			default:
				rest(ls);
				return;
			}
		}
		/* A TCP socket has these from its listener; a Unix one not. */
		if (l->is_unix) {
			bound_buffers(fd);
			ss.ss_family = AF_UNIX;
		}
		char peer[INET6_ADDRSTRLEN];
		name_peer(&ss, peer, sizeof(peer));
		ls->fn(ls->arg, fd, peer);
		if (ls->is_resting)
			return;
	}
}

struct listeners *
listeners_new(
    struct loop *l, const struct clock *clock, listener_accept *fn, void *arg)
{
	struct listeners *ls = calloc(1, sizeof(*ls));
	if (ls == NULL)
		return NULL;
	TAILQ_INIT(&ls->list);
	ls->loop = l;
	ls->clock = clock;
	ls->fn = fn;
	ls->arg = arg;
	ls->rest = loop_timer_new(l, on_rested, ls);
	if (ls->rest == NULL) {
		free(ls);
		return NULL;
	}
	return ls;
}

/* Starts accepting on fd. Takes fd and path when it succeeds. */
static int
start(struct listeners *ls, int fd, char *path, struct buf *error)
{
	int yes = 1;
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct stat st;

	struct listener *l = calloc(1, sizeof(*l));
	if (l == NULL)
		goto err0;
	l->owner = ls;
	l->fd = fd;
	l->path = path;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		goto err1;
	l->is_unix = ss.ss_family == AF_UNIX;
	if (path != NULL && lstat(path, &st) == 0) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	/* Inherited by what is accepted (tcp(7)): a system call less each. */
	bound_buffers(fd);
	if (!l->is_unix &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == -1)
		goto err1;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 || listen(fd, BACKLOG) == -1)
		goto err1;
	l->watch = loop_fd_new(ls->loop, fd, on_ready, l);
	if (l->watch == NULL)
		goto err1;
	TAILQ_INSERT_TAIL(&ls->list, l, entry);
	return 0;

err1:
	free(l);
err0:
	buf_printf(error, "cannot listen: %s\n", strerror(errno));
	return -1;
}

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
		    "%s: is not a socket; remove it or "
		    "choose another path\n",
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
		buf_printf(
		    error, "%s: another process is listening there\n", path);
		return -1;
	}
	buf_printf(error, "%s: %s\n", path, strerror(saved));
	return -1;
}

static int
open_unix(struct listeners *ls, const char *path, struct buf *error)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char *copy = NULL, *dir_name = NULL;
	int dir = -1, fd = -1;

	if (path[0] == '\0' || strlen(path) >= sizeof(sun.sun_path)) {
		buf_printf(error,
		    "unix:%s: the path must have 1 to %zu "
		    "bytes\n",
		    path, sizeof(sun.sun_path) - 1);
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	copy = strdup(path);
	dir_name = strdup(path);
	if (copy == NULL || dir_name == NULL) {
		buf_puts(error, "out of memory\n");
		goto err0;
	}
	/*
	 * Two starting at once must not both find the old socket dead and
	 * one of them remove the other's new one: under a lock on the
	 * directory until ours listens.
	 */
	dir = open(dirname(dir_name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1 || flock(dir, LOCK_EX) == -1) {
		buf_printf(
		    error, "%s: its directory: %s\n", path, strerror(errno));
		goto err0;
	}
	if (clear_stale(path, &sun, error) == -1)
		goto err0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117); /* 0660 */
	int rc = fd == -1
	    ? -1
	    : bind(fd, (const struct sockaddr *)&sun, sizeof(sun));
	int saved = errno;
	umask(mask);
	if (rc == -1) {
		buf_printf(error, "%s: %s\n", path, strerror(saved));
		goto err0;
	}
	if (start(ls, fd, copy, error) == -1) {
		unlink(path);
		goto err0;
	}
	close(dir);
	free(dir_name);
	log_notice("listening on unix:%s", path);
	return 0;

err0:
	if (fd != -1)
		close(fd);
	if (dir != -1)
		close(dir);
	free(dir_name);
	free(copy);
	return -1;
}

static void
log_listening(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	if (ss.ss_family == AF_INET6)
		log_notice("listening on [%s]:%s", host, port);
	else
		log_notice("listening on %s:%s", host, port);
}

static int
open_address(struct listeners *ls, const struct addrinfo *ai, struct buf *error)
{
	int yes = 1;
	int fd = socket(ai->ai_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
	if (fd == -1)
		goto err0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		goto err0;
	if (start(ls, fd, NULL, error) == -1) {
		close(fd);
		return -1;
	}
	log_listening(fd);
	return 0;

err0:
	buf_printf(error, "%s\n", strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static int
open_tcp(struct listeners *ls, const char *where, struct buf *error)
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
		buf_printf(
		    error, "%s: must be unix:PATH or HOST:PORT\n", where);
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
		if (open_address(ls, ai, &why) == 0)
			opened++;
	}
	freeaddrinfo(list);
	if (opened == 0)
		buf_printf(error, "%s: %s", where, buf_str(&why));
	buf_fini(&why);
	return opened > 0 ? 0 : -1;
}

int
listeners_open(struct listeners *ls, const char *where, struct buf *error)
{
	if (strncmp(where, "unix:", 5) == 0)
		return open_unix(ls, where + 5, error);
	return open_tcp(ls, where, error);
}

int
listeners_adopt(struct listeners *ls, int fd, struct buf *error)
{
	int type = 0, is_listening = 0;
	socklen_t len = sizeof(type), len2 = sizeof(is_listening);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len2) ==
		-1 ||
	    type != SOCK_STREAM || !is_listening) {
		buf_printf(error,
		    "descriptor %d is not a listening stream socket\n", fd);
		return -1;
	}
	if (start(ls, fd, NULL, error) == -1)
		return -1;
	log_notice("listening on the socket passed as descriptor %d", fd);
	return 0;
}

void
listeners_free(struct listeners *ls)
{
	struct listener *l;
	if (ls == NULL)
		return;
	while ((l = TAILQ_FIRST(&ls->list)) != NULL) {
		struct stat st;
		TAILQ_REMOVE(&ls->list, l, entry);
		loop_fd_free(l->watch);
		close(l->fd);
		/* Whoever put another one there keeps it. */
		if (l->path != NULL && lstat(l->path, &st) == 0 &&
		    st.st_dev == l->dev && st.st_ino == l->ino)
			unlink(l->path);
		free(l->path);
		free(l);
	}
	loop_timer_free(ls->rest);
	free(ls);
}
