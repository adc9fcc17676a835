#include "wsd/flusher.h"

#include <time.h>

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The turn that follows is all that is wanted. */
static void
on_rested(void *arg)
{
	(void)arg;
}

int
flusher_init(struct flusher *f, struct loop *loop, struct hub *hub)
{
	*f = (struct flusher){.loop = loop, .hub = hub};
	f->rest = loop_timer_new(loop, on_rested, f);
	return f->rest == NULL ? -1 : 0;
}

void
flusher_fini(struct flusher *f)
{
	loop_timer_free(f->rest);
}

void
flusher_turn_end(struct flusher *f, bool had_input)
{
	if (!hub_is_dirty(f->hub))
		return;
	int64_t now = now_ns(CLOCK_MONOTONIC);
	enum hub_news news = hub_news(f->hub);
	if (news == HUB_NEWS_PRESENCE) {
		int64_t rest_ns = flush_pacer_rest_ns(&f->pacer, now);
		if (rest_ns > 0) {
			hub_flush_queued(f->hub);
			loop_timer_set(f->rest, rest_ns / NS_PER_MS + 1, 0);
			return;
		}
	}
	if (!flush_pacer_is_due(&f->pacer, now, had_input)) {
		loop_again(f->loop);
		return;
	}
	/* What it took of the processor: on a busy machine the clock would
	 * count the time of others. */
	int64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	hub_flush(f->hub);
	flush_pacer_note(&f->pacer, now_ns(CLOCK_THREAD_CPUTIME_ID) - start);
	if (news != HUB_NEWS_NONE)
		flush_pacer_rest(&f->pacer, now_ns(CLOCK_MONOTONIC));
}
