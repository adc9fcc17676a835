/*
 * The log of frames, by hand and against a simple model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Frames here are a header "[N]" and a payload of dots. */
static void
add(struct stream *s, int64_t mono_ms, bool is_said, size_t payload_bytes)
{
	char header[32], *payload = malloc(payload_bytes + 1);
	int n = snprintf(
	    header, sizeof(header), "[%llu]", (unsigned long long)s->next_seq);

	assert_non_null(payload);
	memset(payload, '.', payload_bytes);
	assert_int_equal(stream_reserve(s, (size_t)n + payload_bytes), 0);
	stream_append(
	    s, mono_ms, is_said, header, (size_t)n, payload, payload_bytes);
	free(payload);
}

static void
test_append_and_find(void **state)
{
	struct stream s;
	const uint8_t *frame;
	size_t n;

	(void)state;
	stream_init(&s);
	assert_null(stream_find(&s, 1, &frame, &n));
	assert_int_equal(stream_oldest_kept(&s), 1);
	assert_int_equal(stream_position(&s, 1), 0);
	add(&s, 10, true, 2);
	add(&s, 11, false, 0);
	add(&s, 12, true, 1);
	const struct stream_event *e = stream_find(&s, 2, &frame, &n);
	assert_non_null(e);
	assert_false(e->is_said);
	assert_int_equal(e->mono_ms, 11);
	assert_int_equal(n, 3);
	assert_memory_equal(frame, "[2]", 3);
	assert_null(stream_find(&s, 0, &frame, &n));
	assert_null(stream_find(&s, 4, &frame, &n));
	assert_int_equal(stream_position(&s, 1), 0);
	assert_int_equal(stream_position(&s, 2), 5);
	assert_int_equal(stream_position(&s, 4), 12);
	assert_int_equal(s.end, 12);
	assert_int_equal(stream_time_at(&s, 0), 10);
	assert_int_equal(stream_time_at(&s, 5), 11);
	assert_int_equal(stream_time_at(&s, 8), 12);
	stream_fini(&s);
}

static void
test_run_ends_on_a_frame(void **state)
{
	struct stream s;
	size_t n, frames;

	(void)state;
	stream_init(&s);
	add(&s, 1, true, 7); /* 10 bytes */
	add(&s, 1, true, 17); /* 20 */
	add(&s, 1, true, 97); /* 100 */
	static const struct {
		uint64_t pos;
		size_t max;
		bool is_single_ok;
		size_t n, frames;
	} cases[] = {
	    {0, 1000, true, 130, 3},
	    {0, 130, true, 130, 3},
	    {0, 129, true, 30, 2},
	    {0, 30, true, 30, 2},
	    {0, 29, true, 10, 1},
	    {0, 9, true, 10, 1},
	    {0, 9, false, 0, 0},
	    {10, 1000, true, 120, 2},
	    {10, 119, true, 20, 1},
	    {30, 50, true, 100, 1},
	    {30, 50, false, 0, 0},
	    {30, 100, false, 100, 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *run = stream_run(&s, cases[i].pos, cases[i].max,
		    cases[i].is_single_ok, &n, &frames);
		assert_int_equal(n, cases[i].n);
		assert_int_equal(frames, cases[i].frames);
		assert_int_equal(run[0], '[');
	}
	/* The remembered answer is not that of before an append. */
	stream_run(&s, 10, 1000, true, &n, &frames);
	add(&s, 1, true, 0);
	stream_run(&s, 10, 1000, true, &n, &frames);
	assert_int_equal(n, 123);
	assert_int_equal(frames, 3);
	stream_fini(&s);
}

static void
test_keep_by_messages(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	for (int i = 0; i < 10; i++) {
		add(&s, i, true, 5);
		add(&s, i, false, 5);
	}
	stream_keep(&s, 10, 0, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 1);
	stream_keep(&s, 3, 0, INT64_MIN);
	/* The three newest messages are 15, 17 and 19; 14 is not one. */
	assert_int_equal(stream_oldest_kept(&s), 14);
	stream_keep(&s, 0, 0, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 21);
	/* What is not kept any more does not come back. */
	stream_keep(&s, 10, 0, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 21);
	stream_fini(&s);
}

static void
test_keep_bounds_others(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	add(&s, 1, true, 1);
	for (int i = 0; i < 1000; i++)
		add(&s, 1, false, 1);
	stream_keep(&s, 1, 0, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 1002 - STREAM_OTHERS_MIN);
	stream_fini(&s);
}

static void
test_keep_by_bytes_and_age(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	for (int i = 1; i <= 9; i++)
		add(&s, i * 100, true, 7); /* 10 bytes each */
	stream_keep(&s, 100, 50, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 5);
	stream_keep(&s, 100, 49, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 6);
	stream_keep(&s, 100, 0, 800);
	assert_int_equal(stream_oldest_kept(&s), 8);
	stream_keep(&s, 100, 5, INT64_MIN);
	assert_int_equal(stream_oldest_kept(&s), 10);
	stream_fini(&s);
}

static void
test_trim_holds_what_is_needed(void **state)
{
	struct stream s;
	const uint8_t *frame;
	size_t n;

	(void)state;
	stream_init(&s);
	for (int i = 1; i <= 9; i++)
		add(&s, 1, true, 7);
	stream_keep(&s, 2, 0, INT64_MIN);
	stream_trim(&s, 35);
	assert_int_equal(s.base, 30);
	assert_null(stream_find(&s, 3, &frame, &n));
	assert_non_null(stream_find(&s, 4, &frame, &n));
	assert_memory_equal(frame, "[4].", 4);
	/* Held for a cursor, but not for those who ask. */
	assert_int_equal(stream_oldest_kept(&s), 8);
	stream_trim(&s, s.end);
	assert_int_equal(s.base, 70);
	assert_int_equal(stream_position(&s, 8), 70);
	stream_fini(&s);
}

static void
test_skip(void **state)
{
	struct stream s;
	const uint8_t *frame;
	size_t n;

	(void)state;
	stream_init(&s);
	add(&s, 1, true, 1);
	stream_skip(&s);
	assert_int_equal(s.next_seq, 3);
	assert_int_equal(stream_held_bytes(&s), 0);
	assert_int_equal(stream_oldest_kept(&s), 3);
	assert_int_equal(stream_position(&s, 3), s.end);
	add(&s, 1, true, 1);
	assert_non_null(stream_find(&s, 3, &frame, &n));
	assert_memory_equal(frame, "[3].", 4);
	stream_fini(&s);
}

static void
test_gives_memory_back(void **state)
{
	struct stream s;

	(void)state;
	stream_init(&s);
	for (int i = 0; i < 1000; i++)
		add(&s, 1, true, 4096);
	size_t peak = s.size;
	assert_true(peak >= 4096 * 1000);
	for (int i = 0; i < 100000; i++) {
		add(&s, 1, true, 100);
		stream_keep(&s, 10, 0, INT64_MIN);
		stream_trim(&s, s.end);
	}
	assert_true(s.size <= 65536);
	assert_int_equal(stream_oldest_kept(&s), s.next_seq - 10);
	stream_fini(&s);
}

static void
test_memory_is_bounded(void **state)
{
	struct stream s;

	(void)state;
	/* 2000 bytes held at any time, 100 MB going through. */
	stream_init(&s);
	for (int i = 0; i < 1000000; i++) {
		add(&s, 1, false, 92);
		stream_trim(&s, s.end);
		stream_keep(&s, 5, 0, INT64_MIN);
	}
	assert_true(s.size <= 65536);
	assert_true(s.events_size <= 256);
	stream_fini(&s);
}

/* What a stream must do, without rings: each event's frame apart. */
#define MODEL_MAX 3000
struct model {
	size_t bytes[MODEL_MAX]; /* by seq */
	uint64_t end[MODEL_MAX];
	bool is_said[MODEL_MAX];
	uint64_t next_seq;
};

static void
check_run(struct stream *s, const struct model *m, uint64_t seq, size_t max)
{
	size_t n, frames, expected = 0, expected_frames = 0;
	uint64_t pos = stream_position(s, seq);
	char header[32];

	assert_int_equal(pos, m->end[seq - 1]);
	if (seq == m->next_seq)
		return;
	for (uint64_t i = seq; i < m->next_seq; i++) {
		if (expected + m->bytes[i] > max && i > seq)
			break;
		expected += m->bytes[i];
		expected_frames++;
		if (expected > max)
			break;
	}
	const uint8_t *run = stream_run(s, pos, max, true, &n, &frames);
	assert_int_equal(n, expected);
	assert_int_equal(frames, expected_frames);
	int length =
	    snprintf(header, sizeof(header), "[%llu]", (unsigned long long)seq);
	assert_memory_equal(run, header, (size_t)length);
}

static void
test_against_model(void **state)
{
	static struct model m;
	uint32_t random = 12345;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct stream s;
		stream_init(&s);
		memset(&m, 0, sizeof(m));
		m.next_seq = 1;
		uint64_t needed_seq = 1;
		for (int i = 0; i < MODEL_MAX - 1; i++) {
			random = random * 1664525 + 1013904223;
			uint32_t dice = random >> 16;
			size_t payload = dice % 97 == 0 ? 40000 : dice % 300;
			bool is_said = dice % 3 != 0;
			add(&s, i, is_said, payload);
			uint64_t seq = m.next_seq++;
			m.end[seq] = s.end;
			m.bytes[seq] = (size_t)(s.end - m.end[seq - 1]);
			m.is_said[seq] = is_said;
			if (dice % 5 == 0)
				needed_seq += dice % 11;
			if (needed_seq > m.next_seq)
				needed_seq = m.next_seq;
			stream_keep(&s, 1 + dice % 40, 0, INT64_MIN);
			stream_trim(&s, stream_position(&s, needed_seq));
			uint64_t oldest = stream_oldest_kept(&s);
			if (oldest > needed_seq)
				oldest = needed_seq;
			assert_int_equal(s.next_seq - s.count, oldest);
			check_run(&s, &m, needed_seq, 32768);
			check_run(&s, &m, oldest, 1 + dice % 5000);
		}
		stream_fini(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_append_and_find),
	    cmocka_unit_test(test_run_ends_on_a_frame),
	    cmocka_unit_test(test_keep_by_messages),
	    cmocka_unit_test(test_keep_bounds_others),
	    cmocka_unit_test(test_keep_by_bytes_and_age),
	    cmocka_unit_test(test_trim_holds_what_is_needed),
	    cmocka_unit_test(test_skip),
	    cmocka_unit_test(test_gives_memory_back),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
