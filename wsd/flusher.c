/*
 * A round reads but little of each connection, so while input comes in a pass
 * waits for the next round, though no longer than the last one took: a burst
 * goes out in one pass.
 *
 * A timerfd, because the loop's own timers count milliseconds, and a pass
 * over a thousand connections takes two.
 */
#include "wsd/flusher.h"

#include "wsd/flush_pacer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

struct flusher {
	struct loop *loop;
	struct hub *hub;
	struct flush_pacer pacer;
	int64_t gathering_ns; /* since then; 0: not */
	int fd;
	struct loop_fd *watch;
	bool is_armed;
};

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The end of this round, flusher_drained, does the rest. */
static void
on_due(void *arg)
{
	struct flusher *f = arg;
	uint64_t times;
	if (read(f->fd, &times, sizeof(times)) == sizeof(times))
		f->is_armed = false;
}

struct flusher *
flusher_new(struct loop *l, struct hub *hub)
{
	struct flusher *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->loop = l;
	f->hub = hub;
	f->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (f->fd == -1)
		goto err0;
	f->watch = loop_fd_new(l, f->fd, on_due, f);
	if (f->watch == NULL)
		goto err1;
	return f;

err1:
	close(f->fd);
err0:
	free(f);
	return NULL;
}

void
flusher_drained(struct flusher *f, bool had_input)
{
	if (f->is_armed || !hub_is_dirty(f->hub))
		return;
	int64_t now = now_ns(CLOCK_MONOTONIC);
	int64_t wait = flush_pacer_wait_ns(&f->pacer, now);
	if (wait > 0) {
		const struct itimerspec when = {
		    .it_value = {
			.tv_sec = wait / NS_PER_S, .tv_nsec = wait % NS_PER_S}};
		if (timerfd_settime(f->fd, 0, &when, NULL) == 0) {
			f->is_armed = true;
			return;
		}
	}
	if (had_input) {
		if (f->gathering_ns == 0)
			f->gathering_ns = now;
		if (now - f->gathering_ns <= f->pacer.cost_ns) {
			loop_again(f->loop);
			return;
		}
	}
	f->gathering_ns = 0;
	/* What it took of the processor: on a busy machine the clock would
	 * count the time of others. */
	int64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	hub_flush(f->hub);
	int64_t cost = now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	flush_pacer_note(&f->pacer, now_ns(CLOCK_MONOTONIC), cost);
}

void
flusher_free(struct flusher *f)
{
	if (f == NULL)
		return;
	loop_fd_free(f->watch);
	close(f->fd);
	free(f);
}
