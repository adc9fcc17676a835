/*
 * A thin layer on libuv. libuv and not a loop of our own, because
 * libwebsockets runs on it well (with its own poll loop 10,000 idle
 * connections cost a core) and takes ours as a foreign loop, so that its
 * sockets and our handles share one epoll.
 *
 * libuv closes a handle in a later turn, so each handle is a small heap
 * object that its close callback frees.
 */
#include "wsd/loop.h"

#include "base/log.h"

#include <stdlib.h>
#include <uv.h>

#define SIGNALS_MAX 4

struct loop {
	uv_loop_t uv;
	uv_check_t turn_end;
	uv_idle_t again; /* an active one keeps the loop from sleeping */
	loop_fn *turn_end_fn;
	void *turn_end_arg;
	struct {
		uv_signal_t handle;
		loop_fn *fn;
		void *arg;
	} signals[SIGNALS_MAX];
	size_t signal_count;
};

struct loop_fd {
	uv_poll_t handle; /* must stay first */
	loop_fn *fn;
	void *arg;
};

struct loop_timer {
	uv_timer_t handle; /* must stay first */
	loop_fn *fn;
	void *arg;
};

static void
on_turn_end(uv_check_t *handle)
{
	struct loop *l = handle->data;
	/* Not in its own callback: that comes before the loop decides
	 * whether to sleep. */
	uv_idle_stop(&l->again);
	if (l->turn_end_fn != NULL)
		l->turn_end_fn(l->turn_end_arg);
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	if (uv_loop_init(&l->uv) != 0) {
		free(l);
		return NULL;
	}
	uv_check_init(&l->uv, &l->turn_end);
	l->turn_end.data = l;
	uv_check_start(&l->turn_end, on_turn_end);
	uv_idle_init(&l->uv, &l->again);
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	uv_close((uv_handle_t *)&l->turn_end, NULL);
	uv_close((uv_handle_t *)&l->again, NULL);
	for (size_t i = 0; i < l->signal_count; i++)
		uv_close((uv_handle_t *)&l->signals[i].handle, NULL);
	/* Each turn closes what the one before asked for. */
	for (int turns = 0; turns < 100; turns++)
		if (uv_run(&l->uv, UV_RUN_NOWAIT) == 0)
			break;
	if (uv_loop_close(&l->uv) != 0) {
		log_warn("event loop closed with handles left");
		return; /* they point into it */
	}
	free(l);
}

void
loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void
loop_run_once(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_NOWAIT);
}

void
loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

void *
loop_native(struct loop *l)
{
	return &l->uv;
}

void
loop_on_turn_end(struct loop *l, loop_fn *fn, void *arg)
{
	l->turn_end_fn = fn;
	l->turn_end_arg = arg;
}

static void
on_again(uv_idle_t *handle)
{
	(void)handle;
}

void
loop_again(struct loop *l)
{
	uv_idle_start(&l->again, on_again);
}

static void
on_signal(uv_signal_t *handle, int signum)
{
	struct loop *l = handle->data;
	(void)signum;
	for (size_t i = 0; i < l->signal_count; i++)
		if (&l->signals[i].handle == handle)
			l->signals[i].fn(l->signals[i].arg);
}

int
loop_on_signal(struct loop *l, int signum, loop_fn *fn, void *arg)
{
	if (l->signal_count == SIGNALS_MAX)
		return -1;
	size_t i = l->signal_count;
	if (uv_signal_init(&l->uv, &l->signals[i].handle) != 0)
		return -1;
	l->signals[i].handle.data = l;
	l->signals[i].fn = fn;
	l->signals[i].arg = arg;
	l->signal_count++;
	return uv_signal_start(&l->signals[i].handle, on_signal, signum) == 0
	    ? 0
	    : -1;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
on_writable(uv_poll_t *handle, int status, int events)
{
	struct loop_fd *f = (struct loop_fd *)handle;
	(void)status; /* a write says what is wrong */
	(void)events;
	f->fn(f->arg);
}

static void
on_readable(uv_poll_t *handle, int status, int events)
{
	struct loop_fd *f = (struct loop_fd *)handle;
	(void)events;
	/* What is wrong is said by a read, behind what is still to be read,
	 * but libuv has stopped watching. */
	if (status < 0)
		uv_poll_start(handle, UV_READABLE, on_readable);
	f->fn(f->arg);
}

struct loop_fd *
loop_fd_new(struct loop *l, int fd, loop_fn *fn, void *arg)
{
	struct loop_fd *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->fn = fn;
	f->arg = arg;
	if (uv_poll_init(&l->uv, &f->handle, fd) != 0) {
		free(f);
		return NULL;
	}
	if (uv_poll_start(&f->handle, UV_READABLE, on_readable) != 0) {
		loop_fd_free(f);
		return NULL;
	}
	return f;
}

void
loop_fd_pause(struct loop_fd *f)
{
	uv_poll_stop(&f->handle);
}

void
loop_fd_resume(struct loop_fd *f)
{
	uv_poll_start(&f->handle, UV_READABLE, on_readable);
}

void
loop_fd_want_write(struct loop_fd *f)
{
	uv_poll_start(&f->handle, UV_WRITABLE, on_writable);
}

void
loop_fd_free(struct loop_fd *f)
{
	if (f != NULL)
		uv_close((uv_handle_t *)&f->handle, on_closed);
}

static void
on_timer(uv_timer_t *handle)
{
	struct loop_timer *t = (struct loop_timer *)handle;
	t->fn(t->arg);
}

struct loop_timer *
loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	uv_timer_init(&l->uv, &t->handle);
	return t;
}

void
loop_timer_set(struct loop_timer *t, int64_t first_ms, int64_t repeat_ms)
{
	uv_update_time(t->handle.loop);
	uv_timer_start(
	    &t->handle, on_timer, (uint64_t)first_ms, (uint64_t)repeat_ms);
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t != NULL)
		uv_close((uv_handle_t *)&t->handle, on_closed);
}
