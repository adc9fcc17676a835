/*
 * What deframe.c says about a stream, as text: pieces of a message put
 * together, so that the same stream gives the same text however it is cut.
 */
#ifndef TESTS_UNIT_DEFRAME_SEEN_H
#define TESTS_UNIT_DEFRAME_SEEN_H

#include "base/buf.h"
#include "wsd/deframe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct deframe_seen {
	struct deframe deframe;
	struct buf text;
	struct buf message; /* that is unfinished */
	bool has_message;
	bool is_over; /* after CLOSE or FAILED */
	uint64_t promised; /* still to come of the frame */
	bool is_wrong; /* pieces that do not fit together */
};

static inline void
deframe_seen_piece(struct deframe_seen *s, const struct deframe_piece *p)
{
	if (p->is_first == s->has_message)
		s->is_wrong = true;
	if (s->promised != 0 && p->n + p->remaining != s->promised)
		s->is_wrong = true;
	s->promised = p->remaining;
	s->has_message = !p->is_final;
	buf_append(&s->message, p->bytes, p->n);
	if (!p->is_final)
		return;
	buf_printf(&s->text, "%s(", p->is_binary ? "binary" : "text");
	buf_append(&s->text, s->message.data, s->message.len);
	buf_puts(&s->text, ")");
	buf_reset(&s->message);
}

/* The next bytes, which are changed. */
static inline void
deframe_seen_feed(struct deframe_seen *s, uint8_t *bytes, size_t n)
{
	struct deframe_piece p;

	while (!s->is_over) {
		switch (deframe_next(&s->deframe, &bytes, &n, &p)) {
		case DEFRAME_MORE:
			if (n != 0)
				s->is_wrong = true;
			return;
		case DEFRAME_DATA:
			deframe_seen_piece(s, &p);
			continue;
		case DEFRAME_PING:
		case DEFRAME_PONG:
			buf_puts(&s->text, "control(");
			buf_append(&s->text, p.bytes, p.n);
			buf_puts(&s->text, ")");
			continue;
		case DEFRAME_CLOSE:
			buf_printf(&s->text, "close(%d)", p.code);
			break;
		case DEFRAME_FAILED:
			buf_printf(&s->text, "failed(%d %s)", p.code, p.reason);
			break;
		}
		s->is_over = true;
	}
}

static inline void
deframe_seen_fini(struct deframe_seen *s)
{
	deframe_fini(&s->deframe);
	buf_fini(&s->text);
	buf_fini(&s->message);
}

#endif
