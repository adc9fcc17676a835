/* See phase.h. */
#include "tests/bench/load/phase.h"

#include "tests/bench/load/server.h"
#include "tests/lib/die.h"
#include "tests/lib/now.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOOK_NS 100000000u

static void
look_at_memory(const struct phase_opts *o, struct phase_peaks *peaks)
{
	static uint64_t looked_ns;
	uint64_t now = now_ns();

	if (now - looked_ns < LOOK_NS)
		return;
	looked_ns = now;
	long rss = server_rss_kib(o->pid), tcp = server_all_tcp_kib();
	peaks->rss_kib = rss > peaks->rss_kib ? rss : peaks->rss_kib;
	peaks->tcp_kib = tcp > peaks->tcp_kib ? tcp : peaks->tcp_kib;
}

static void
closed_loop(struct crowd *c, const struct phase_opts *o)
{
	while (c->sent - c->completed < (uint64_t)o->inflight)
		crowd_send(c, now_ns());
	crowd_pump(c, 10);
}

static void
by_the_clock(struct crowd *c, int timer, uint64_t *due, uint64_t interval)
{
	while (now_ns() >= *due) {
		if (c->sent - c->completed < CROWD_WINDOW - 1)
			crowd_send(c, *due);
		*due += interval;
	}
	struct itimerspec at = {.it_value = {(time_t)(*due / 1000000000u),
				    (long)(*due % 1000000000u)}};
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
	crowd_pump(c, -1);
	uint64_t fired;
	if (read(timer, &fired, sizeof(fired)) == -1 && errno != EAGAIN)
		die("timerfd: %s", strerror(errno));
}

void
phase_load(struct crowd *c, const struct phase_opts *o, uint64_t until_ns,
    struct phase_peaks *peaks)
{
	uint64_t interval = o->rate > 0 ? (uint64_t)(1e9 / o->rate) : 0;
	uint64_t due = now_ns();
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

	if (timer == -1 ||
	    epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, timer, &ev) == -1)
		die("timerfd: %s", strerror(errno));
	while (now_ns() < until_ns && c->disconnected == 0) {
		look_at_memory(o, peaks);
		if (interval == 0)
			closed_loop(c, o);
		else
			by_the_clock(c, timer, &due, interval);
	}
	epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, timer, NULL);
	close(timer);
}

uint64_t
phase_drain(struct crowd *c, const struct phase_opts *o)
{
	uint64_t patience = (uint64_t)(o->patience_s * 1e9);
	uint64_t from = now_ns(), quiet_from = from, before = c->arrived;

	while (c->completed < c->sent && c->disconnected == 0 &&
	    now_ns() - quiet_from < patience) {
		if (now_ns() - from > 4 * patience)
			return c->sent * (uint64_t)c->opts->receivers -
			    c->arrived - c->faults.lost;
		crowd_pump(c, 10);
		if (c->arrived != before)
			quiet_from = now_ns();
		before = c->arrived;
	}
	crowd_end(c);
	return 0;
}
