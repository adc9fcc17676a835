/*
 * inotify says that the journal grew, and a poll each second stands behind
 * it: a watch can be lost (queue overflow, a directory moved away), and a
 * session that was ended must not live on for that.
 *
 * A deleted key ends its connections while the journal is being applied; a
 * new generation means that anything may have happened, so everything held
 * is asked again once the store has caught up. Sessions that expire are found
 * by the clock: theirs are whole seconds, and ticks come right behind them.
 */
#include "wsd/revocation.h"

#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define POLL_MS 1000
/* What is written before the next look was on its way anyway. */
#define LOOK_MS 5

struct revocation {
	struct revocation_opts o;
	struct sessions *sessions; /* NULL: not open */
	bool is_lost; /* since lost_ms */
	bool is_expired; /* and the grace is over */
	struct buf why; /* it was lost, as logged */
	bool has_to_recheck; /* everything */
	int64_t lost_ms;
	int64_t polled_ms;
	int64_t looked_ms;
	int64_t checked_s; /* wall time; what expires until then is closed */
	int inotify_fd;
	struct loop_fd *watch;
};

static void
observe(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct revocation *r = arg;
	char session[SESSIONS_KEY_SIZE];
	(void)value_len;
	if (key == NULL) {
		r->has_to_recheck = true;
		return;
	}
	if (value != NULL || key_len != SESSIONS_KEY_LEN)
		return;
	memcpy(session, key, SESSIONS_KEY_LEN);
	session[SESSIONS_KEY_LEN] = '\0';
	size_t closed = hub_end_session(r->o.hub, session);
	if (closed > 0)
		log_debug("session ended: %zu connections closed", closed);
}

static void
unwatch(struct revocation *r)
{
	loop_fd_free(r->watch);
	r->watch = NULL;
	if (r->inotify_fd != -1)
		close(r->inotify_fd);
	r->inotify_fd = -1;
}

static void
close_store(struct revocation *r)
{
	unwatch(r);
	sessions_close(r->sessions);
	r->sessions = NULL;
}

/* Each cause is said once; the grace counts from the first. */
static void
lose(struct revocation *r, const char *why)
{
	if (r->is_lost && strcmp(buf_str(&r->why), why) == 0)
		return;
	log_err("sessions store: %s; nobody can join until it is back", why);
	buf_reset(&r->why);
	buf_puts(&r->why, why);
	if (r->is_lost)
		return;
	r->is_lost = true;
	r->is_expired = false;
	r->lost_ms = clock_mono_ms(r->o.clock);
}

static void
find_again(struct revocation *r)
{
	if (!r->is_lost)
		return;
	log_notice("sessions store: open");
	r->is_lost = false;
	r->has_to_recheck = true;
}

static enum sessions_verdict
verify(void *arg, const char *session_key, int64_t *end_s)
{
	struct revocation *r = arg;
	struct record_session record;
	enum sessions_verdict verdict =
	    sessions_recheck(r->sessions, session_key, &record);
	if (verdict == SESSIONS_VALID)
		*end_s = record_session_end_s(&record);
	/* A read that failed must not be what a session lives on by. */
	if (verdict == SESSIONS_UNAVAILABLE)
		r->has_to_recheck = true;
	return verdict;
}

/* Sessions end at whole seconds: a look in each finds them. */
static bool
is_due(const struct revocation *r)
{
	return r->sessions != NULL && clock_wall_s(r->o.clock) != r->checked_s;
}

static void
recheck(struct revocation *r)
{
	bool everything = r->has_to_recheck;

	r->checked_s = clock_wall_s(r->o.clock);
	r->has_to_recheck = false;
	hub_recheck(r->o.hub, everything, verify, r);
}

static void
catch_up(struct revocation *r)
{
	enum store_err err = store_refresh(sessions_store(r->sessions));
	if (err != STORE_OK) {
		lose(r, sessions_detail(r->sessions));
		close_store(r);
		return;
	}
	/* Held sessions are followed all the same. */
	if (sessions_can_validate(r->sessions))
		find_again(r);
	else
		lose(r, sessions_detail(r->sessions));
	if (r->has_to_recheck || is_due(r))
		recheck(r);
}

static void
on_inotify(void *arg)
{
	struct revocation *r = arg;
	char events[4096];
	bool has_news = false;
	while (r->inotify_fd != -1 &&
	    read(r->inotify_fd, events, sizeof(events)) > 0)
		has_news = true;
	if (has_news)
		catch_up(r);
}

static void
watch(struct revocation *r)
{
	r->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->inotify_fd == -1)
		goto err0;
	/* The journal grows, and a checkpoint renames a new base in. */
	if (inotify_add_watch(r->inotify_fd,
		store_dir(sessions_store(r->sessions)),
		IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) ==
	    -1)
		goto err0;
	r->watch = loop_fd_new(r->o.loop, r->inotify_fd, on_inotify, r);
	if (r->watch == NULL)
		goto err0;
	return;

err0:
	log_warn_errno("inotify: ended sessions are noticed within a second");
	unwatch(r);
}

static void
open_store(struct revocation *r)
{
	struct buf error = BUF_INIT;
	enum store_err err = sessions_open(r->o.config->store.dir, false, 0, 0,
	    r->o.clock, &r->sessions, &error);
	if (err != STORE_OK) {
		r->sessions = NULL;
		lose(r, error.len > 0 ? buf_str(&error) : store_strerror(err));
		buf_fini(&error);
		return;
	}
	buf_fini(&error);
	store_set_observer(sessions_store(r->sessions), observe, r);
	watch(r);
	/* What happened before the watch stood, or while it was lost. */
	r->has_to_recheck = true;
	catch_up(r);
}

struct revocation *
revocation_new(const struct revocation_opts *opts)
{
	struct revocation *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->o = *opts;
	r->inotify_fd = -1;
	r->polled_ms = clock_mono_ms(r->o.clock);
	open_store(r);
	return r;
}

enum sessions_verdict
revocation_validate(struct revocation *r, const char *token, size_t n,
    struct record_session *out, char key[static SESSIONS_KEY_SIZE])
{
	if (r->sessions == NULL)
		return SESSIONS_UNAVAILABLE;
	enum sessions_verdict verdict =
	    sessions_validate(r->sessions, token, n, out, key, NULL);
	/* The next tick finds out more and opens it again. */
	if (verdict == SESSIONS_UNAVAILABLE)
		r->polled_ms -= POLL_MS;
	return verdict;
}

void
revocation_look(struct revocation *r)
{
	int64_t now = clock_mono_ms(r->o.clock);
	if (now - r->looked_ms < LOOK_MS)
		return;
	r->looked_ms = now;
	on_inotify(r);
	if (is_due(r))
		recheck(r);
}

void
revocation_tick(struct revocation *r)
{
	int64_t now = clock_mono_ms(r->o.clock);
	if (now - r->polled_ms >= POLL_MS) {
		r->polled_ms = now;
		if (r->sessions == NULL)
			open_store(r);
		else
			catch_up(r);
	}
	if (is_due(r))
		recheck(r);
	if (r->is_lost && !r->is_expired &&
	    now - r->lost_ms >= r->o.config->wsd.store_grace_s * 1000) {
		r->is_expired = true;
		r->o.expired(r->o.arg);
	}
}

bool
revocation_is_available(const struct revocation *r)
{
	return r->sessions != NULL && !r->is_lost;
}

void
revocation_free(struct revocation *r)
{
	if (r == NULL)
		return;
	close_store(r);
	buf_fini(&r->why);
	free(r);
}
