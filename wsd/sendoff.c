/*
 * Nearly every answer is one send, and then nothing is kept for it. All have
 * the same time, so the list in order of arrival is the one of deadlines.
 */
#include "wsd/sendoff.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

struct sendoff {
	TAILQ_ENTRY(sendoff) entry;
	struct sendoffs *owner;
	struct loop_fd *watch;
	int fd;
	int64_t deadline_ms;
	struct buf out;
};

TAILQ_HEAD(sendoff_list, sendoff);

struct sendoffs {
	struct loop *loop;
	const struct clock *clock;
	struct sendoff_list list; /* oldest first */
	size_t count;
};

struct sendoffs *
sendoffs_new(struct loop *l, const struct clock *clock)
{
	struct sendoffs *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = l;
	s->clock = clock;
	TAILQ_INIT(&s->list);
	return s;
}

static void
end(struct sendoff *o)
{
	struct sendoffs *s = o->owner;

	TAILQ_REMOVE(&s->list, o, entry);
	s->count--;
	loop_fd_free(o->watch);
	close(o->fd);
	buf_fini(&o->out);
	free(o);
}

/* Whether it is over: all of it was taken, or nothing more will be. */
static bool
write_some(int fd, struct buf *out)
{
	while (out->len > 0) {
		ssize_t n =
		    send(fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno != EAGAIN;
		buf_consume(out, (size_t)n);
	}
	return true;
}

static void
on_writable(void *arg)
{
	struct sendoff *o = arg;

	if (write_some(o->fd, &o->out))
		end(o);
}

void
sendoffs_add(struct sendoffs *s, int fd, struct buf *out)
{
	struct sendoff *o = NULL;

	if (out->has_failed || write_some(fd, out))
		goto done;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		goto done;
	o->watch = loop_fd_new(s->loop, fd, on_writable, o);
	if (o->watch == NULL)
		goto done;
	loop_fd_want_write(o->watch);
	o->owner = s;
	o->fd = fd;
	o->out = *out;
	*out = (struct buf)BUF_INIT;
	o->deadline_ms = clock_mono_ms(s->clock) + SENDOFF_MS;
	if (s->count == SENDOFF_MAX)
		end(TAILQ_FIRST(&s->list));
	TAILQ_INSERT_TAIL(&s->list, o, entry);
	s->count++;
	return;

done:
	free(o);
	close(fd);
	buf_fini(out);
}

size_t
sendoffs_count(const struct sendoffs *s)
{
	return s->count;
}

void
sendoffs_tick(struct sendoffs *s)
{
	int64_t now = clock_mono_ms(s->clock);
	struct sendoff *o;

	while ((o = TAILQ_FIRST(&s->list)) != NULL && o->deadline_ms <= now)
		end(o);
}

void
sendoffs_free(struct sendoffs *s)
{
	struct sendoff *o;

	if (s == NULL)
		return;
	while ((o = TAILQ_FIRST(&s->list)) != NULL)
		end(o);
	free(s);
}
