/*
 * Bounded work a wake-up: a burst of connections must not starve those that
 * are already served. When no descriptor is left, the sockets rest for a
 * moment: what waits in the backlog is served as soon as others have gone.
 */
#include "wsd/listener.h"

#include "base/endpoint.h"
#include "base/log.h"
#include "wsd/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_WAKEUP 16
#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */
#define REST_MS 250

struct listener {
	TAILQ_ENTRY(listener) entry;
	struct listeners *owner;
	struct endpoint socket;
	bool is_unix;
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
		int fd = accept4(l->socket.fd, (struct sockaddr *)&ss, &len,
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

/* Starts accepting on it, which is ours from then on. */
static int
start(struct listeners *ls, const struct endpoint *e, struct buf *error)
{
	const int yes = 1;
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	struct listener *l = calloc(1, sizeof(*l));
	if (l == NULL)
		goto err0;
	l->owner = ls;
	l->socket = *e;
	if (getsockname(e->fd, (struct sockaddr *)&ss, &len) == -1)
		goto err1;
	l->is_unix = ss.ss_family == AF_UNIX;
	/* Inherited by what is accepted (tcp(7)): a system call less each. */
	bound_buffers(e->fd);
	if (!l->is_unix &&
	    setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) ==
		-1)
		goto err1;
	if (fcntl(e->fd, F_SETFL, O_NONBLOCK) == -1 ||
	    listen(e->fd, BACKLOG) == -1)
		goto err1;
	l->watch = loop_fd_new(ls->loop, e->fd, on_ready, l);
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

static void
log_listening(const struct endpoint *e)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (e->path != NULL) {
		log_notice("listening on unix:%s", e->path);
		return;
	}
	if (getsockname(e->fd, (struct sockaddr *)&ss, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	if (ss.ss_family == AF_INET6)
		log_notice("listening on [%s]:%s", host, port);
	else
		log_notice("listening on %s:%s", host, port);
}

static int
take(void *arg, const struct endpoint *e, struct buf *error)
{
	if (start(arg, e, error) == -1)
		return -1;
	log_listening(e);
	return 0;
}

int
listeners_open(struct listeners *ls, const char *where, struct buf *error)
{
	return endpoint_open(where, take, ls, error);
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
	if (start(ls, &(struct endpoint){.fd = fd}, error) == -1)
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
		TAILQ_REMOVE(&ls->list, l, entry);
		loop_fd_free(l->watch);
		endpoint_close(&l->socket);
		free(l);
	}
	loop_timer_free(ls->rest);
	free(ls);
}
