/* See ledger.h. */
#include "tests/tools/crowd/ledger.h"

#include "tests/lib/die.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Something that was said. */
struct said {
	uint64_t heard, acked; /* numbers; 0: not yet */
};

struct speaker {
	struct said *said; /* [nth - 1] */
	size_t size;
};

struct ledger {
	uint64_t *events; /* hash of each number; 0: not heard */
	size_t events_size;
	struct speaker *speakers;
	size_t speakers_size;
	char why[160];
};

struct ledger *
ledger_new(void)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (l == NULL)
		die("out of memory");
	return l;
}

void
ledger_free(struct ledger *l)
{
	for (size_t i = 0; i < l->speakers_size; i++)
		free(l->speakers[i].said);
	free(l->speakers);
	free(l->events);
	free(l);
}

/* An array with a place i, new places zero. */
static void *
reach(void *array, size_t *size, size_t i, size_t each)
{
	if (i < *size)
		return array;
	size_t more = *size == 0 ? 64 : *size;
	while (more <= i)
		more *= 2;
	array = realloc(array, more * each);
	if (array == NULL)
		die("out of memory");
	memset((char *)array + *size * each, 0, (more - *size) * each);
	*size = more;
	return array;
}

static struct said *
said(struct ledger *l, size_t speaker, size_t nth)
{
	l->speakers = reach(
	    l->speakers, &l->speakers_size, speaker, sizeof(*l->speakers));
	struct speaker *s = &l->speakers[speaker];
	s->said = reach(s->said, &s->size, nth - 1, sizeof(*s->said));
	return &s->said[nth - 1];
}

/* FNV-1a; never 0. */
static uint64_t
hash(const char *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * UINT64_C(0x100000001b3);
	return h | 1;
}

const char *
ledger_hear(struct ledger *l, uint64_t seq, const char *event, size_t n,
    size_t speaker, size_t nth)
{
	uint64_t h = hash(event, n);

	l->events = reach(l->events, &l->events_size, seq, sizeof(*l->events));
	if (l->events[seq] == h)
		return NULL;
	if (l->events[seq] != 0) {
		snprintf(l->why, sizeof(l->why),
		    "%" PRIu64 " is another event at somebody else", seq);
		return l->why;
	}
	l->events[seq] = h;
	if (nth == 0)
		return NULL;
	struct said *s = said(l, speaker, nth);
	if (s->heard != 0)
		snprintf(l->why, sizeof(l->why),
		    "%zu of %zu is there twice, as %" PRIu64 " and %" PRIu64,
		    nth, speaker, s->heard, seq);
	else if (s->acked != 0 && s->acked != seq)
		snprintf(l->why, sizeof(l->why),
		    "%zu of %zu is %" PRIu64
		    " and was acknowledged as %" PRIu64,
		    nth, speaker, seq, s->acked);
	else {
		s->heard = seq;
		return NULL;
	}
	return l->why;
}

const char *
ledger_ack(struct ledger *l, size_t speaker, size_t nth, uint64_t seq)
{
	struct said *s = said(l, speaker, nth);

	if ((s->acked == 0 || s->acked == seq) &&
	    (s->heard == 0 || s->heard == seq)) {
		s->acked = seq;
		return NULL;
	}
	snprintf(l->why, sizeof(l->why),
	    "%zu of %zu was acknowledged as %" PRIu64 " and is %" PRIu64, nth,
	    speaker, seq, s->heard != 0 ? s->heard : s->acked);
	return l->why;
}

size_t
ledger_unheard(const struct ledger *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->speakers_size; i++)
		for (size_t k = 0; k < l->speakers[i].size; k++)
			n += l->speakers[i].said[k].acked != 0 &&
			    l->speakers[i].said[k].heard == 0;
	return n;
}
