/*
 * The yardstick: what the kernel allows a broadcast server on one core.
 * epoll, the handshake, and then one send of a ready frame to each socket
 * (or, with --coalesce, of everything pending in one). No cookie, no limits,
 * no backpressure: a socket that is full ends the run. Not a server, only
 * the floor that the real one is measured against.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 20000
#define RX_MAX 8192

struct peer {
	int fd;
	bool is_open;
	size_t rx_len;
	uint8_t *rx;
};

static struct peer *peers[PEERS_MAX];
static size_t peer_count;
static int epoll_fd;
static uint8_t pending[1 << 20];
static size_t pending_len;
static bool is_coalescing;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "rawcast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
flush_pending(void)
{
	if (pending_len == 0)
		return;
	for (size_t i = 0; i < peer_count; i++)
		if (peers[i]->is_open &&
		    send(peers[i]->fd, pending, pending_len, MSG_NOSIGNAL) !=
			(ssize_t)pending_len)
			die("a receiver is too slow");
	pending_len = 0;
}

static void
broadcast(const uint8_t *text, size_t n)
{
	if (pending_len + n + 4 > sizeof(pending))
		flush_pending();
	uint8_t *f = pending + pending_len;
	size_t head = n < 126 ? 2 : 4;
	f[0] = 0x81;
	f[1] = (uint8_t)(n < 126 ? n : 126);
	if (n >= 126) {
		f[2] = (uint8_t)(n >> 8);
		f[3] = (uint8_t)n;
	}
	memcpy(f + head, text, n);
	pending_len += head + n;
	if (!is_coalescing)
		flush_pending();
}

static void
accept_peer(int listener)
{
	int one = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	struct peer *p = calloc(1, sizeof(*p));
	if (p == NULL || peer_count == PEERS_MAX)
		die("too many peers");
	p->fd = fd;
	p->rx = malloc(RX_MAX);
	if (p->rx == NULL)
		die("out of memory");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = p};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == -1)
		die("epoll_ctl");
	peers[peer_count++] = p;
}

static void
drop_peer(struct peer *p)
{
	close(p->fd);
	for (size_t i = 0; i < peer_count; i++)
		if (peers[i] == p) {
			peers[i] = peers[--peer_count];
			break;
		}
	free(p->rx);
	free(p);
}

static void
take_frames(struct peer *p)
{
	size_t at = 0;
	while (p->rx_len - at >= 6) {
		uint8_t *f = p->rx + at;
		size_t head = 2, n = f[1] & 0x7f;
		if (n == 126) {
			head = 4;
			n = (size_t)f[2] << 8 | f[3];
		}
		if (p->rx_len - at < head + 4 + n)
			break;
		uint8_t *text = f + head + 4;
		for (size_t i = 0; i < n; i++)
			text[i] ^= f[head + (i & 3)];
		if ((f[0] & 0x0f) == 1)
			broadcast(text, n);
		at += head + 4 + n;
	}
	memmove(p->rx, p->rx + at, p->rx_len - at);
	p->rx_len -= at;
}

static void
read_peer(struct peer *p)
{
	static const char answer[] =
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: rawcast\r\n\r\n";
	ssize_t n = recv(p->fd, p->rx + p->rx_len, RX_MAX - p->rx_len, 0);
	if (n <= 0) {
		drop_peer(p);
		return;
	}
	p->rx_len += (size_t)n;
	if (p->is_open) {
		take_frames(p);
		return;
	}
	if (memmem(p->rx, p->rx_len, "\r\n\r\n", 4) == NULL)
		return;
	p->rx_len = 0;
	p->is_open = true;
	if (send(p->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) == -1)
		die("send");
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: rawcast PORT [--coalesce]\n", stderr);
		return 2;
	}
	is_coalescing = argc > 2 && strcmp(argv[2], "--coalesce") == 0;
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);

	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (listener == -1)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(listener, 4096) == -1)
		die("listen");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev) == -1)
		die("epoll_ctl");
	for (;;) {
		struct epoll_event got[512];
		int n = epoll_wait(epoll_fd, got, 512, -1);
		for (int i = 0; i < n; i++) {
			if (got[i].data.ptr == NULL)
				accept_peer(listener);
			else
				read_peer(got[i].data.ptr);
		}
		flush_pending();
	}
}
