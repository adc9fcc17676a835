/*
 * Nearly every request arrives whole in its first segment, so the first read
 * goes into a buffer shared by all, and only who makes us wait gets memory
 * and a handle of its own: at most ARRIVALS_MAX of them with
 * ARRIVALS_BYTES_MAX of heads, and LINGERING_MAX of those that were refused
 * while they still sent. Beyond that the oldest goes:
 * it had the most time, and a crowd of strangers then only shortens its own
 * stay, without taking the descriptors of those who may join.
 *
 * Their time is what the configuration says when they come. A reload may
 * shorten it, so who came first need not be due first, and a tick looks at
 * all of them.
 */
#include "wsd/arrival.h"

#include "base/log.h"
#include "wsd/head.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRIVALS_BYTES_MAX (8 * 1024 * 1024) /* of heads; config_memory.c */
#define LINGERING_MAX 256
/*
 * How long a refused connection that still sends is read out: closing with
 * unread bytes makes the kernel reset it, and the answer may be lost.
 */
#define LINGER_MS 1000
#define LINGER_BYTES 65536

struct arrival {
	TAILQ_ENTRY(arrival) entry;
	struct arrivals *owner;
	struct loop_fd *watch;
	int fd;
	int64_t deadline_ms;
	size_t n; /* bytes so far; lingering: bytes thrown away */
	size_t cap;
	char *bytes;
	char peer[46];
};

TAILQ_HEAD(arrival_queue, arrival);

struct arrival_list {
	struct arrival_queue queue; /* oldest first */
	size_t count;
	size_t bytes; /* allocated for heads */
};

struct arrivals {
	struct arrivals_opts o;
	struct arrival_list reading;
	struct arrival_list lingering;
	struct arrivals_stats stats;
	char buf[HEAD_BYTES_MAX];
};

static void on_head(void *arg);
static void on_linger(void *arg);

struct arrivals *
arrivals_new(const struct arrivals_opts *opts)
{
	struct arrivals *as = calloc(1, sizeof(*as));
	if (as == NULL)
		return NULL;
	as->o = *opts;
	TAILQ_INIT(&as->reading.queue);
	TAILQ_INIT(&as->lingering.queue);
	return as;
}

/* Frees a; its descriptor stays open, the caller's. */
static void
release(struct arrival *a, struct arrival_list *list)
{
	TAILQ_REMOVE(&list->queue, a, entry);
	list->count--;
	list->bytes -= a->cap;
	loop_fd_free(a->watch);
	free(a->bytes);
	free(a);
}

static void
cut(struct arrival *a, struct arrival_list *list)
{
	int fd = a->fd;
	if (list == &a->owner->reading)
		a->owner->stats.cut++;
	release(a, list);
	close(fd);
}

/* The newest of at most max. */
static void
add(struct arrival *a, struct arrival_list *list, size_t max)
{
	if (list->count == max)
		cut(TAILQ_FIRST(&list->queue), list);
	TAILQ_INSERT_TAIL(&list->queue, a, entry);
	list->count++;
}

static struct arrival *
keep(struct arrivals *as, int fd, const char *peer, loop_fn *fn)
{
	struct arrival *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->owner = as;
	a->fd = fd;
	a->watch = loop_fd_new(as->o.loop, fd, fn, a);
	if (a->watch == NULL) {
		free(a);
		return NULL;
	}
	strncpy(a->peer, peer, sizeof(a->peer) - 1);
	return a;
}

/* Takes fd. */
static void
linger(struct arrivals *as, int fd)
{
	struct arrival *a = keep(as, fd, "", on_linger);
	if (a == NULL) {
		close(fd);
		return;
	}
	a->deadline_ms = clock_mono_ms(as->o.clock) + LINGER_MS;
	add(a, &as->lingering, LINGERING_MAX);
}

/* Takes fd. has_more: the peer may still be sending. */
static void
refuse(struct arrivals *as, int fd, int status, const char *why, bool has_more)
{
	char out[REFUSAL_SIZE];
	size_t n = refusal_format(status, why, out);
	as->stats.refused[refusal_index(status)]++;
	/* A fresh socket has room for it, and nobody waits if it has not. */
	if (send(fd, out, n, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 || !has_more) {
		close(fd);
		return;
	}
	shutdown(fd, SHUT_WR);
	linger(as, fd);
}

/* true: the head was whole or hopeless, fd is not ours any more. */
static bool
try_head(
    struct arrivals *as, int fd, const char *peer, const char *bytes, size_t n)
{
	struct handshake_request r = {.peer = peer};
	const char *why = "";
	int status;

	switch (head_parse(bytes, n, &r)) {
	case HEAD_MORE:
		return false;
	case HEAD_OK:
		status = as->o.decide(as->o.arg, fd, &r, &why);
		if (status != 0)
			refuse(as, fd, status, why, r.has_body);
		return true;
	case HEAD_LONG:
		refuse(as, fd, 400, "the request head is too long", true);
		return true;
	case HEAD_MALFORMED:
		break;
	}
	refuse(as, fd, 400, "this is not an HTTP request", true);
	return true;
}

/*
 * Bytes of a that wait for the rest of the head. 0, or -1: no memory, or all
 * that strangers may have is a's alone.
 */
static int
stash(struct arrival *a, const char *bytes, size_t n)
{
	struct arrival_list *list = &a->owner->reading;

	if (a->n + n > a->cap) {
		/* Most heads are below 1 KB; the longest is bounded. */
		size_t cap = a->n + n <= 1024 ? 1024 : HEAD_BYTES_MAX;
		char *grown = realloc(a->bytes, cap);
		if (grown == NULL)
			return -1;
		a->bytes = grown;
		list->bytes += cap - a->cap;
		a->cap = cap;
	}
	while (list->bytes > ARRIVALS_BYTES_MAX) {
		struct arrival *oldest = TAILQ_FIRST(&list->queue);
		if (oldest == a)
			return -1;
		cut(oldest, list);
	}
	memcpy(a->bytes + a->n, bytes, n);
	a->n += n;
	return 0;
}

void
arrivals_add(struct arrivals *as, int fd, const char *peer)
{
	ssize_t n = recv(fd, as->buf, sizeof(as->buf), 0);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		close(fd);
		return;
	}
	if (n > 0 && try_head(as, fd, peer, as->buf, (size_t)n))
		return;

	struct arrival *a = keep(as, fd, peer, on_head);
	if (a == NULL) {
		close(fd);
		return;
	}
	a->deadline_ms = clock_mono_ms(as->o.clock) +
	    as->o.config->wsd.handshake_timeout_s * 1000;
	add(a, &as->reading, as->o.max > 0 ? as->o.max : ARRIVALS_MAX);
	if (n > 0 && stash(a, as->buf, (size_t)n) == -1)
		cut(a, &as->reading);
}

static void
on_head(void *arg)
{
	struct arrival *a = arg;
	struct arrivals *as = a->owner;
	int fd = a->fd;

	ssize_t n = recv(fd, as->buf, HEAD_BYTES_MAX - a->n, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || stash(a, as->buf, (size_t)n) == -1) {
		cut(a, &as->reading);
		return;
	}
	/*
	 * The handle must have let go of the descriptor before another one
	 * can be made for it, so the bytes move out of a first.
	 */
	size_t len = a->n;
	char peer[sizeof(a->peer)];
	struct handshake_request probe = {.peer = a->peer};
	if (head_parse(a->bytes, len, &probe) == HEAD_MORE)
		return;
	memcpy(as->buf, a->bytes, len);
	memcpy(peer, a->peer, sizeof(peer));
	release(a, &as->reading);
	try_head(as, fd, peer, as->buf, len);
}

static void
on_linger(void *arg)
{
	struct arrival *a = arg;
	struct arrivals *as = a->owner;

	ssize_t n = recv(a->fd, as->buf, sizeof(as->buf), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		a->n += (size_t)n;
		if (a->n < LINGER_BYTES)
			return;
	}
	cut(a, &as->lingering);
}

static void
cut_until(struct arrival_list *list, int64_t now)
{
	struct arrival *a, *next;
	for (a = TAILQ_FIRST(&list->queue); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->deadline_ms <= now)
			cut(a, list);
	}
}

void
arrivals_tick(struct arrivals *as)
{
	int64_t now = clock_mono_ms(as->o.clock);
	cut_until(&as->reading, now);
	cut_until(&as->lingering, now);
}

size_t
arrivals_count(const struct arrivals *as)
{
	return as->reading.count + as->lingering.count;
}

void
arrivals_get_stats(const struct arrivals *as, struct arrivals_stats *out)
{
	*out = as->stats;
}

void
arrivals_free(struct arrivals *as)
{
	if (as == NULL)
		return;
	cut_until(&as->reading, INT64_MAX);
	cut_until(&as->lingering, INT64_MAX);
	free(as);
}
