/*
 * The yardstick: what the kernel allows a broadcast server on one core.
 * epoll, the handshake, and then one send of a ready frame to each socket
 * (or, with --coalesce, of everything pending in one). No cookie, no limits
 * and no end to what it keeps for a socket that is full. Not a server, only
 * the floor that the real one is measured against.
 *
 * Who asks for another path than /websocket is in no room.
 */
#include "tests/lib/die.h"
#include "tests/lib/files.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 65536
#define RX_MAX 131072

struct bytes {
	uint8_t *p;
	size_t n, cap;
};

/* By descriptor. */
static struct peer {
	bool is_open;
	int seat; /* in the room, -1: in none */
	struct bytes in; /* a request or a frame that is not whole */
	struct bytes out; /* what the socket did not take */
} peers[PEERS_MAX];

static int room[PEERS_MAX]; /* descriptors */
static int room_size;
static int epoll_fd;
static uint8_t pending[1 << 20];
static size_t pending_len;
static bool is_coalescing;

static void
keep(struct bytes *b, const uint8_t *p, size_t n)
{
	if (b->n + n > b->cap) {
		b->cap = 2 * (b->n + n);
		b->p = realloc(b->p, b->cap);
		if (b->p == NULL)
			die("out of memory");
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void
watch(int fd, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};
	if (epoll_ctl(epoll_fd, op, fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
}

static void
deliver(int fd, const uint8_t *p, size_t n)
{
	struct bytes *out = &peers[fd].out;
	ssize_t w = 0;

	if (out->n == 0)
		w = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (w == (ssize_t)n || (w == -1 && errno != EAGAIN))
		return; /* a peer that has gone is dropped when it is read */
	if (out->n == 0)
		watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	w = w == -1 ? 0 : w;
	keep(out, p + w, n - (size_t)w);
}

static void
resume(int fd)
{
	struct bytes *out = &peers[fd].out;
	ssize_t w = send(fd, out->p, out->n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (w <= 0)
		return;
	out->n -= (size_t)w;
	memmove(out->p, out->p + w, out->n);
	if (out->n == 0)
		watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void
flush_pending(void)
{
	if (pending_len == 0)
		return;
	for (int i = 0; i < room_size; i++)
		deliver(room[i], pending, pending_len);
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
	if (fd >= PEERS_MAX)
		die("too many peers");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	peers[fd] = (struct peer){.seat = -1};
	watch(fd, EPOLL_CTL_ADD, EPOLLIN);
}

static void
drop_peer(int fd)
{
	struct peer *p = &peers[fd];

	if (p->seat != -1) {
		room[p->seat] = room[--room_size];
		peers[room[p->seat]].seat = p->seat;
	}
	free(p->in.p);
	free(p->out.p);
	close(fd);
}

/* The whole masked text frames at the front; returns their length. */
static size_t
take_frames(uint8_t *rx, size_t avail)
{
	size_t at = 0;

	while (avail - at >= 6) {
		uint8_t *f = rx + at;
		size_t head = 2, n = f[1] & 0x7f;
		if (n == 126) {
			head = 4;
			n = (size_t)f[2] << 8 | f[3];
		}
		if (avail - at < head + 4 + n)
			break;
		uint8_t *text = f + head + 4;
		for (size_t i = 0; i < n; i++)
			text[i] ^= f[head + (i & 3)];
		if ((f[0] & 0x0f) == 1)
			broadcast(text, n);
		at += head + 4 + n;
	}
	return at;
}

/* The request when it is whole; returns its length. */
static size_t
take_request(int fd, const uint8_t *rx, size_t avail)
{
	static const char answer[] =
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: rawcast\r\n\r\n";
	static const char path[] = "GET /websocket ";

	if (memmem(rx, avail, "\r\n\r\n", 4) == NULL)
		return 0;
	if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) == -1)
		return avail; /* gone: dropped when it is read */
	peers[fd].is_open = true;
	if (memcmp(rx, path, sizeof(path) - 1) == 0) {
		peers[fd].seat = room_size;
		room[room_size++] = fd;
	}
	return avail;
}

static void
read_peer(int fd)
{
	static uint8_t rx[RX_MAX];
	struct peer *p = &peers[fd];
	size_t have = p->in.n;

	if (have > 0)
		memcpy(rx, p->in.p, have);
	ssize_t n = recv(fd, rx + have, RX_MAX - have, 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop_peer(fd);
		return;
	}
	have += (size_t)n;
	size_t used =
	    p->is_open ? take_frames(rx, have) : take_request(fd, rx, have);
	p->in.n = 0;
	if (used < have)
		keep(&p->in, rx + used, have - used);
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: rawcast PORT [--coalesce]\n", stderr);
		return 2;
	}
	is_coalescing = argc > 2 && strcmp(argv[2], "--coalesce") == 0;
	files_raise();

	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	int listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener == -1)
		die("socket: %s", strerror(errno));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(listener, 4096) == -1)
		die("listen: %s", strerror(errno));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		die("epoll_create1: %s", strerror(errno));
	watch(listener, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		struct epoll_event got[512];
		int n = epoll_wait(epoll_fd, got, 512, -1);
		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;
			if (fd == listener) {
				accept_peer(listener);
				continue;
			}
			if ((got[i].events & EPOLLOUT) != 0)
				resume(fd);
			if ((got[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) !=
			    0)
				read_peer(fd);
		}
		flush_pending();
	}
}
