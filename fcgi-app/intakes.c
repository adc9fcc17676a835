/*
 * A small table and poll(2): 64 descriptors are walked faster than one
 * answer is made, and the table is in the order of age, so that nobody who
 * is complete is overtaken.
 *
 * A table that is full has silent or slow peers alone in it: whoever is
 * complete has left. So someone new is let in at the price of the one whose
 * time would be over first; who sends a request in one go is read before
 * that comes to be him.
 */
#include "fcgi-app/intakes.h"

#include "auth/crypto.h"
#include "base/log.h"
#include "fcgi-app/conn.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
intakes_init(struct intakes *t, const struct clock *clock, int64_t timeout_ms,
    size_t body_max)
{
	memset(t, 0, sizeof(*t));
	t->clock = clock;
	t->timeout_ms = timeout_ms;
	t->body_max = body_max;
}

static void
drop(struct intakes_entry *e)
{
	close(e->fd);
	e->fd = -1;
	intake_fini(&e->in);
}

void
intakes_fini(struct intakes *t)
{
	for (size_t i = 0; i < t->count; i++)
		drop(&t->entries[i]);
	t->count = 0;
}

/* The entry has been dropped or handed over. */
static void
remove_at(struct intakes *t, size_t i)
{
	t->count--;
	memmove(&t->entries[i], &t->entries[i + 1],
	    (t->count - i) * sizeof(t->entries[0]));
}

static void
make_room(struct intakes *t)
{
	size_t first = 0;

	for (size_t i = 1; i < t->count; i++)
		if (t->entries[i].deadline_ms < t->entries[first].deadline_ms)
			first = i;
	if (t->entries[first].state == INTAKES_READING)
		log_info("request dropped: incomplete, and %d more are",
		    INTAKES_MAX);
	drop(&t->entries[first]);
	remove_at(t, first);
}

static struct intakes_entry *
put(struct intakes *t, int fd)
{
	if (t->count == INTAKES_MAX)
		make_room(t);
	struct intakes_entry *e = &t->entries[t->count++];
	e->fd = fd;
	e->state = INTAKES_READING;
	e->deadline_ms = clock_mono_ms(t->clock) + t->timeout_ms;
	e->bytes = 0;
	intake_init(&e->in, t->body_max);
	return e;
}

/* A peer that is gone is seen at the next read. */
static void
linger(const struct intakes *t, struct intakes_entry *e)
{
	shutdown(e->fd, SHUT_WR);
	e->state = INTAKES_LINGERING;
	e->deadline_ms = clock_mono_ms(t->clock) + INTAKES_LINGER_MS;
}

void
intakes_add(struct intakes *t, int fd)
{
	put(t, fd);
}

void
intakes_linger(struct intakes *t, int fd)
{
	linger(t, put(t, fd));
}

void
intakes_hurry(struct intakes *t, int64_t left_ms)
{
	int64_t latest = clock_mono_ms(t->clock) + left_ms;

	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].deadline_ms > latest)
			t->entries[i].deadline_ms = latest;
}

size_t
intakes_watch(const struct intakes *t, struct pollfd p[static INTAKES_MAX])
{
	for (size_t i = 0; i < t->count; i++)
		p[i] =
		    (struct pollfd){.fd = t->entries[i].fd, .events = POLLIN};
	return t->count;
}

int
intakes_wait_ms(const struct intakes *t, int limit_ms)
{
	int64_t now = clock_mono_ms(t->clock);
	int64_t wait = limit_ms < 0 ? INT64_MAX : limit_ms;

	for (size_t i = 0; i < t->count; i++) {
		int64_t left = t->entries[i].deadline_ms - now;
		if (left < wait)
			wait = left < 0 ? 0 : left;
	}
	if (wait == INT64_MAX)
		return -1;
	return wait > INT_MAX ? INT_MAX : (int)wait;
}

/* A few hundred bytes that nothing stands in front of. */
static enum conn_err
reply(struct intakes_entry *e)
{
	struct buf *replies = &e->in.replies;

	if (replies->len > 0 &&
	    write(e->fd, replies->data, replies->len) != (ssize_t)replies->len)
		return errno == EPIPE || errno == ECONNRESET ? CONN_CLOSED
							     : CONN_IO;
	buf_reset(replies);
	return CONN_OK;
}

static enum conn_err
feed(struct intakes_entry *e, const uint8_t *bytes, size_t n)
{
	enum intake_status status = intake_feed(&e->in, bytes, n);
	enum conn_err err = reply(e);

	e->bytes += n;
	if (err != CONN_OK)
		return err;
	if (status == INTAKE_REFUSED)
		return CONN_REFUSED;
	if (status == INTAKE_DONE)
		e->state = INTAKES_COMPLETE;
	else if (status == INTAKE_BAD || e->bytes >= INTAKES_BYTES_MAX)
		return CONN_BAD;
	return CONN_OK;
}

/*
 * All that has come of a request, so that none is late for having been
 * waiting here while another one was answered.
 */
static enum conn_err
read_some(struct intakes_entry *e)
{
	uint8_t bytes[16384];
	enum conn_err err = CONN_OK;

	do {
		ssize_t n = read(e->fd, bytes, sizeof(bytes));
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			err = CONN_CLOSED;
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			err = CONN_IO;
		else if (n > 0 && e->state == INTAKES_READING)
			err = feed(e, bytes, (size_t)n);
		if (n == -1)
			break;
	} while (err == CONN_OK && e->state == INTAKES_READING);
	/* A password may have been among them. */
	crypto_wipe(bytes, sizeof(bytes));
	return err;
}

void
intakes_read(struct intakes *t, const struct pollfd *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct intakes_entry *e = &t->entries[i];
		enum conn_err err = CONN_OK;

		if (p[i].revents != 0)
			err = read_some(e);
		if (err == CONN_OK && e->state != INTAKES_COMPLETE &&
		    e->deadline_ms <= clock_mono_ms(t->clock))
			err = CONN_TIMEOUT;
		if (err != CONN_OK && e->state == INTAKES_READING)
			log_info("request dropped: %s", conn_strerror(err));
		if (err == CONN_REFUSED) {
			linger(t, e);
		} else if (err != CONN_OK) {
			drop(e);
			continue;
		}
		if (kept != i)
			t->entries[kept] = *e;
		kept++;
	}
	t->count = kept;
}

bool
intakes_take(struct intakes *t, int *fd, struct intake *in)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].state == INTAKES_COMPLETE) {
			*fd = t->entries[i].fd;
			*in = t->entries[i].in;
			remove_at(t, i);
			return true;
		}
	return false;
}
