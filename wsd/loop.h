/*
 * The event loop: descriptors, timers, signals, and the moment after all
 * input that was ready has been handled. The only file that knows libuv.
 *
 * One thread. A handle may be freed from its own callback.
 */
#ifndef WSD_LOOP_H
#define WSD_LOOP_H

#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

typedef void loop_fn(void *arg);

struct loop *loop_new(void);

/* Every fd and timer of it must have been freed before. */
void loop_free(struct loop *l);

/* Runs until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Runs what is ready now, without waiting. */
void loop_run_once(struct loop *l);

/* The uv_loop_t, for a library that brings its own handles. */
void *loop_native(struct loop *l);

/*
 * Calls fn(arg) once in each turn, when all descriptors that were ready
 * have been served; before the loop sleeps again.
 */
void loop_on_turn_end(struct loop *l, loop_fn *fn, void *arg);

/* The next turn begins at once, without sleeping. */
void loop_again(struct loop *l);

/* Calls fn(arg) when the signal arrives. 0 or -1. */
int loop_on_signal(struct loop *l, int signum, loop_fn *fn, void *arg);

/*
 * Calls fn(arg) while fd is readable or at its end. The descriptor stays the
 * caller's; it must not be closed before loop_fd_free or loop_fd_pause. NULL
 * out of memory.
 */
struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fn *fn, void *arg);
void loop_fd_pause(struct loop_fd *f);
void loop_fd_resume(struct loop_fd *f);
/* fn is called when it is writable, in place of readable, until resumed. */
void loop_fd_want_write(struct loop_fd *f);
void loop_fd_free(struct loop_fd *f); /* NULL is legal */

/* Milliseconds; repeat 0: once. NULL out of memory. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg);
void loop_timer_set(struct loop_timer *t, int64_t first_ms, int64_t repeat_ms);
void loop_timer_free(struct loop_timer *t); /* NULL is legal */

#endif
