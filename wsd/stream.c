/*
 * The byte log. Appending is a copy; dropping in front moves a number; when
 * the memory's end is reached, what is held moves to its beginning, which
 * pays only when that is at most half of it, else the memory doubles.
 * Looking up a position is a binary search, and the last answer is kept: in
 * a flush nearly all ask for the same.
 */
#include "wsd/stream.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MIN 16384
#define EVENTS_MIN 64

static const struct stream_event *
event_at(const struct stream *s, size_t i)
{
	return &s->events[(s->events_head + i) & (s->events_size - 1)];
}

static uint64_t
first_seq(const struct stream *s)
{
	return s->next_seq - s->count;
}

/* Position where held event i begins. */
static uint64_t
begin_of(const struct stream *s, size_t i)
{
	return i == 0 ? s->base : event_at(s, i - 1)->end;
}

static void
forget_memo(struct stream *s)
{
	s->memo.pos = UINT64_MAX;
}

void
stream_init(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->next_seq = 1;
	forget_memo(s);
}

void
stream_fini(struct stream *s)
{
	free(s->bytes);
	free(s->events);
	stream_init(s);
}

static int
reserve_bytes(struct stream *s, size_t n)
{
	size_t held = stream_held_bytes(s);

	if (n <= s->size - s->start - held)
		return 0;
	if (n > SIZE_MAX / 4 - held)
		return -1;
	size_t size = s->size == 0 ? BYTES_MIN : s->size;
	while (held + n > size / 2)
		size *= 2;
	/* After a burst, give back: an eighth in use halves it. */
	if (size == s->size && size > BYTES_MIN && held + n < size / 8)
		size /= 2;
	if (size == s->size) {
		memmove(s->bytes, s->bytes + s->start, held);
	} else {
		uint8_t *bytes = malloc(size);
		if (bytes == NULL)
			return -1;
		if (held > 0)
			memcpy(bytes, s->bytes + s->start, held);
		free(s->bytes);
		s->bytes = bytes;
		s->size = size;
	}
	s->start = 0;
	return 0;
}

static int
reserve_event(struct stream *s)
{
	if (s->count < s->events_size)
		return 0;
	size_t size = s->events_size == 0 ? EVENTS_MIN : s->events_size * 2;
	struct stream_event *events = calloc(size, sizeof(*events));
	if (events == NULL)
		return -1;
	for (size_t i = 0; i < s->count; i++)
		events[i] = *event_at(s, i);
	free(s->events);
	s->events = events;
	s->events_size = size;
	s->events_head = 0;
	return 0;
}

int
stream_reserve(struct stream *s, size_t n)
{
	if (reserve_event(s) == -1)
		return -1;
	return reserve_bytes(s, n);
}

void
stream_append(struct stream *s, int64_t mono_ms, bool is_said,
    const void *header, size_t header_bytes, const void *payload,
    size_t payload_bytes)
{
	uint8_t *to = s->bytes + s->start + stream_held_bytes(s);
	memcpy(to, header, header_bytes);
	memcpy(to + header_bytes, payload, payload_bytes);
	s->end += header_bytes + payload_bytes;

	size_t i = (s->events_head + s->count) & (s->events_size - 1);
	s->events[i].end = s->end;
	s->events[i].mono_ms = mono_ms;
	s->events[i].is_said = is_said;
	s->count++;
	s->next_seq++;
	s->kept++;
	if (is_said)
		s->kept_said++;
	forget_memo(s);
}

void
stream_skip(struct stream *s)
{
	s->kept = 0;
	s->kept_said = 0;
	stream_trim(s, s->end);
	s->next_seq++;
}

void
stream_rewind(struct stream *s, uint64_t next_seq, uint64_t end)
{
	for (; s->next_seq > next_seq; s->next_seq--) {
		if (s->count == 0)
			continue;
		s->count--;
		if (s->kept == 0)
			continue;
		s->kept--;
		size_t i = (s->events_head + s->count) & (s->events_size - 1);
		if (s->events[i].is_said)
			s->kept_said--;
	}
	/* What was dropped in front stays dropped. */
	s->end = end > s->base ? end : s->base;
	forget_memo(s);
}

void
stream_begin(struct stream *s, uint64_t next_seq)
{
	s->next_seq = next_seq;
}

void
stream_keep(
    struct stream *s, uint64_t messages, uint64_t bytes, int64_t since_ms)
{
	uint64_t others = messages > UINT64_MAX / STREAM_OTHERS
	    ? UINT64_MAX
	    : messages * STREAM_OTHERS;
	if (others < STREAM_OTHERS_MIN)
		others = STREAM_OTHERS_MIN;
	while (s->kept > 0) {
		size_t i = s->count - s->kept;
		const struct stream_event *e = event_at(s, i);
		if (messages > 0 && s->kept_said <= messages &&
		    s->kept - s->kept_said <= others &&
		    (bytes == 0 || s->end - begin_of(s, i) <= bytes) &&
		    e->mono_ms >= since_ms)
			break;
		s->kept--;
		if (e->is_said)
			s->kept_said--;
	}
}

void
stream_trim(struct stream *s, uint64_t needed)
{
	while (s->count > s->kept && event_at(s, 0)->end <= needed) {
		uint64_t end = event_at(s, 0)->end;
		s->start += (size_t)(end - s->base);
		s->base = end;
		s->events_head = (s->events_head + 1) & (s->events_size - 1);
		s->count--;
	}
	if (s->count == 0)
		s->start = 0;
}

uint64_t
stream_oldest_kept(const struct stream *s)
{
	return s->next_seq - s->kept;
}

uint64_t
stream_kept_bytes(const struct stream *s)
{
	return s->end - begin_of(s, s->count - s->kept);
}

uint64_t
stream_position(const struct stream *s, uint64_t seq)
{
	return begin_of(s, (size_t)(seq - first_seq(s)));
}

const struct stream_event *
stream_find(
    const struct stream *s, uint64_t seq, const uint8_t **frame, size_t *n)
{
	if (seq < first_seq(s) || seq >= s->next_seq)
		return NULL;
	size_t i = (size_t)(seq - first_seq(s));
	uint64_t begin = begin_of(s, i);
	const struct stream_event *e = event_at(s, i);
	*frame = s->bytes + s->start + (size_t)(begin - s->base);
	*n = (size_t)(e->end - begin);
	return e;
}

/* The first held event that ends behind pos; count when none does. */
static size_t
search(const struct stream *s, uint64_t pos)
{
	size_t low = 0, high = s->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (event_at(s, middle)->end <= pos)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t
stream_seq_at(const struct stream *s, uint64_t pos)
{
	return first_seq(s) + search(s, pos);
}

int64_t
stream_time_at(const struct stream *s, uint64_t pos)
{
	return event_at(s, search(s, pos))->mono_ms;
}

const uint8_t *
stream_run(struct stream *s, uint64_t pos, size_t max, bool is_single_ok,
    size_t *n, size_t *frames)
{
	const uint8_t *from = s->bytes + s->start + (size_t)(pos - s->base);

	if (s->memo.pos != pos || s->memo.max != max) {
		size_t first = search(s, pos);
		size_t behind =
		    s->end - pos <= max ? s->count : search(s, pos + max);
		/* search finds the one that crosses the limit. */
		s->memo.pos = pos;
		s->memo.max = max;
		s->memo.frames = behind - first;
		s->memo.n = (size_t)(begin_of(s, behind) - pos);
	}
	*n = s->memo.n;
	*frames = s->memo.frames;
	if (*n == 0 && is_single_ok && pos < s->end) {
		*n = (size_t)(event_at(s, search(s, pos))->end - pos);
		*frames = 1;
	}
	return from;
}
