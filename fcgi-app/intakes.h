/*
 * The connections of a worker that are waiting for their peer: requests that
 * are being read, several at once, and answers whose peer is still sending.
 * One that says nothing, or a byte a second, costs the others nothing.
 *
 *	n = intakes_watch(t, p);
 *	poll(p, n, intakes_wait_ms(t, ...));
 *	intakes_read(t, p);
 *	while (intakes_take(t, &fd, &in))
 *		...
 */
#ifndef FCGI_APP_INTAKES_H
#define FCGI_APP_INTAKES_H

#include "base/clock.h"
#include "fcgi-app/intake.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * So many at once, and so many bytes of one before it is a request; what a
 * worker keeps of them is below INTAKES_MAX * 146 KiB (see intake.h, buf.h).
 */
#define INTAKES_MAX 64
#define INTAKES_BYTES_MAX 1048576
/* Who has its answer may send on for so long. */
#define INTAKES_LINGER_MS 1000

enum intakes_state {
	INTAKES_READING,
	INTAKES_COMPLETE,
	INTAKES_LINGERING,
};

struct intakes_entry {
	int fd;
	enum intakes_state state;
	int64_t deadline_ms; /* monotonic */
	size_t bytes; /* read of it */
	struct intake in;
};

struct intakes {
	const struct clock *clock;
	int64_t timeout_ms; /* for one request */
	size_t body_max; /* bytes, see intake_init */
	size_t count;
	struct intakes_entry entries[INTAKES_MAX]; /* the oldest first */
};

void intakes_init(struct intakes *t, const struct clock *clock,
    int64_t timeout_ms, size_t body_max);

/* Closes them all. */
void intakes_fini(struct intakes *t);

/*
 * A connection from which a request is to be read; fd: non-blocking, the
 * table's. Where there is no room, the one that has the least time left
 * gives way.
 */
void intakes_add(struct intakes *t, int fd);

/*
 * One that has been answered before its request was read to its end: says
 * that the answer is complete and takes what the peer still sends, so that
 * closing with unread bytes does not take the answer away from it. fd and
 * room as above.
 */
void intakes_linger(struct intakes *t, int fd);

/* No more time than this for anybody who is there. */
void intakes_hurry(struct intakes *t, int64_t left_ms);

/* What to poll, t->count of them. */
size_t
intakes_watch(const struct intakes *t, struct pollfd p[static INTAKES_MAX]);

/* Until the first deadline, but not above limit_ms; -1: for ever. */
int intakes_wait_ms(const struct intakes *t, int limit_ms);

/*
 * p: from intakes_watch, polled; nobody came or went in between. Reads what
 * there is and sends the intakes' replies; closes what is no request, whose
 * peer is gone, and then whose time is over.
 */
void intakes_read(struct intakes *t, const struct pollfd *p);

/*
 * The oldest complete request, now the caller's, and its connection; false:
 * none. All are to be taken before the table is watched again.
 */
bool intakes_take(struct intakes *t, int *fd, struct intake *in);

#endif
