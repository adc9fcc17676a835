#include "fcgi-app/stores.h"

#include "base/log.h"

#include <stdbool.h>
#include <string.h>

#define RETRY_MS 5000 /* what can be read alone is tried again */
#define UPKEEP_RETRY_MS 10000
#define QUIET_MS 1000 /* one line a second about the same trouble is enough */

void
stores_init(
    struct stores *s, const struct config *config, const struct clock *clock)
{
	memset(s, 0, sizeof(*s));
	s->config = config;
	s->clock = clock;
}

void
stores_fini(struct stores *s)
{
	sessions_close(s->sessions);
	users_close(s->users);
	throttle_close(s->throttle);
	s->sessions = NULL;
	s->users = NULL;
	s->throttle = NULL;
}

static bool
may_log(const struct stores *s, struct stores_care *care)
{
	int64_t now = clock_mono_ms(s->clock);

	if (now < care->quiet_until_ms)
		return false;
	care->quiet_until_ms = now + QUIET_MS;
	return true;
}

/*
 * Opening for writing has failed and for reading it has not. What could not
 * be synced may be gone from the disk although a second fdatasync succeeds:
 * nothing is built on it by this process.
 */
static void
read_alone(const struct stores *s, struct stores_care *care, enum store_err why)
{
	if (why == STORE_IO)
		care->is_condemned = true;
	care->writer_ms = clock_mono_ms(s->clock) + RETRY_MS;
}

static enum store_err
open_sessions(
    struct stores *s, bool is_writer, struct sessions **out, struct buf *detail)
{
	const struct config *c = s->config;

	return sessions_open(c->store.dir, is_writer,
	    (int)c->store.lock_wait_ms, c->store.reserve_bytes, s->clock, out,
	    detail);
}

struct sessions *
stores_sessions(struct stores *s)
{
	struct buf detail = BUF_INIT;

	if (s->sessions != NULL)
		return s->sessions;
	struct stores_care *care = &s->sessions_care;
	enum store_err err =
	    open_sessions(s, !care->is_condemned, &s->sessions, &detail);
	if (err != STORE_OK) {
		if (may_log(s, care))
			log_err("sessions: %s: %s", store_strerror(err),
			    buf_str(&detail));
		buf_reset(&detail); /* why not for reading: the same */
		if (open_sessions(s, false, &s->sessions, &detail) == STORE_OK)
			read_alone(s, care, err);
		else
			s->sessions = NULL;
	}
	buf_fini(&detail);
	return s->sessions;
}

static enum store_err
open_users(
    struct stores *s, bool is_writer, struct users **out, struct buf *detail)
{
	const struct config *c = s->config;

	return users_open(c->store.dir, is_writer, (int)c->store.lock_wait_ms,
	    c->store.reserve_bytes, out, detail);
}

struct users *
stores_users(struct stores *s)
{
	struct buf detail = BUF_INIT;

	if (s->users != NULL)
		return s->users;
	struct stores_care *care = &s->users_care;
	enum store_err err =
	    open_users(s, !care->is_condemned, &s->users, &detail);
	if (err != STORE_OK) {
		if (may_log(s, care))
			log_err("users: %s: %s", store_strerror(err),
			    buf_str(&detail));
		buf_reset(&detail);
		if (open_users(s, false, &s->users, &detail) == STORE_OK)
			read_alone(s, care, err);
		else
			s->users = NULL;
	}
	buf_fini(&detail);
	return s->users;
}

struct throttle *
stores_throttle(struct stores *s)
{
	const struct config *c = s->config;
	struct buf detail = BUF_INIT;
	enum store_err err = STORE_MISSING;

	for (int tries = 0; s->throttle == NULL && tries < 2; tries++) {
		buf_reset(&detail);
		err = throttle_open(c->store.dir, true,
		    (int)c->store.lock_wait_ms, s->clock, &s->throttle,
		    &detail);
		if (err != STORE_MISSING)
			break;
		err = throttle_create(c->store.dir, &detail);
		if (err != STORE_OK)
			break;
		log_notice("throttle: made %s/throttle", c->store.dir);
	}
	if (s->throttle == NULL && may_log(s, &s->throttle_care))
		log_err("throttle: nobody is slowed down: %s: %s",
		    store_strerror(err), buf_str(&detail));
	buf_fini(&detail);
	return s->throttle;
}

/*
 * Whether a handle is as good as any other after such a failure. A busy lock
 * passes by itself. What is open for reading alone reads on, and a writer that
 * could not sync writes nothing more, while a fresh one would.
 */
static bool
is_kept(enum store_err err, const struct store *store)
{
	return err == STORE_BUSY || err == STORE_READONLY ||
	    store_is_broken(store);
}

void
stores_sessions_failed(struct stores *s, const char *what, enum store_err err)
{
	if (may_log(s, &s->sessions_care))
		log_err("sessions: %s: %s: %s", what, store_strerror(err),
		    s->sessions != NULL ? sessions_detail(s->sessions) : "");
	if (s->sessions == NULL || is_kept(err, sessions_store(s->sessions)))
		return;
	sessions_close(s->sessions);
	s->sessions = NULL;
}

void
stores_users_failed(struct stores *s, const char *what, enum store_err err)
{
	if (may_log(s, &s->users_care))
		log_err("users: %s: %s: %s", what, store_strerror(err),
		    s->users != NULL ? users_detail(s->users) : "");
	if (s->users == NULL || is_kept(err, users_store(s->users)))
		return;
	users_close(s->users);
	s->users = NULL;
}

void
stores_throttle_failed(struct stores *s, const char *what, enum store_err err)
{
	if (may_log(s, &s->throttle_care))
		log_err("throttle: %s: %s: %s", what, store_strerror(err),
		    s->throttle != NULL ? throttle_detail(s->throttle) : "");
	if (err == STORE_BUSY)
		return;
	throttle_close(s->throttle);
	s->throttle = NULL;
}

static bool
may_write_again(const struct stores_care *care, int64_t now_ms)
{
	return !care->is_condemned && now_ms >= care->writer_ms;
}

/* Busy: another worker is at it already. Else *again_ms is set. */
static bool
has_failed(const struct stores *s, enum store_err err, int64_t *again_ms)
{
	if (err == STORE_OK || err == STORE_BUSY)
		return false;
	*again_ms = clock_mono_ms(s->clock) + UPKEEP_RETRY_MS;
	return true;
}

void
stores_maintain(struct stores *s)
{
	int64_t now_ms = clock_mono_ms(s->clock);
	enum store_err err;

	if (s->sessions != NULL && !sessions_is_writer(s->sessions) &&
	    may_write_again(&s->sessions_care, now_ms)) {
		sessions_close(s->sessions);
		s->sessions = NULL;
	}
	if (s->sessions != NULL && sessions_is_writer(s->sessions) &&
	    now_ms >= s->sessions_care.upkeep_ms) {
		err = sessions_maintain(s->sessions);
		if (has_failed(s, err, &s->sessions_care.upkeep_ms))
			stores_sessions_failed(s, "checkpoint", err);
	}
	if (s->users != NULL && !users_is_writer(s->users) &&
	    may_write_again(&s->users_care, now_ms)) {
		users_close(s->users);
		s->users = NULL;
	}
	if (s->users != NULL && users_is_writer(s->users) &&
	    now_ms >= s->users_care.upkeep_ms) {
		err = users_maintain(s->users);
		if (has_failed(s, err, &s->users_care.upkeep_ms))
			stores_users_failed(s, "checkpoint", err);
	}
	if (s->throttle != NULL && now_ms >= s->throttle_care.upkeep_ms) {
		err = throttle_maintain(s->throttle);
		if (has_failed(s, err, &s->throttle_care.upkeep_ms))
			stores_throttle_failed(s, "checkpoint", err);
	}
}
