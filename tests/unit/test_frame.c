/*
 * Frame headers against RFC 6455 §5.2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/frame.h"

#include <stdlib.h>
#include <string.h>

static void
check_header(uint64_t n, const char *bytes, size_t length)
{
	uint8_t out[FRAME_HEADER_MAX];

	assert_int_equal(frame_header(out, FRAME_TEXT, n), length);
	assert_memory_equal(out, bytes, length);
}

static void
test_lengths(void **state)
{
	(void)state;
	check_header(0, "\x81\x00", 2);
	check_header(125, "\x81\x7d", 2);
	check_header(126, "\x81\x7e\x00\x7e", 4);
	check_header(65535, "\x81\x7e\xff\xff", 4);
	check_header(65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
	check_header(UINT64_C(0x0102030405060708),
	    "\x81\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10);
}

static void
test_opcode(void **state)
{
	uint8_t out[FRAME_HEADER_MAX];

	(void)state;
	frame_header(out, FRAME_PING, 0);
	assert_int_equal(out[0], 0x89);
}

static void
test_measure(void **state)
{
	static const uint64_t lengths[] = {0, 1, 125, 126, 65535, 65536, 99999};
	uint8_t out[FRAME_HEADER_MAX];
	size_t header, frame;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = frame_header(out, FRAME_TEXT, lengths[i]);
		frame_measure(out, n, &header, &frame);
		assert_int_equal(header, n);
		assert_int_equal(frame, n + lengths[i]);
		for (size_t cut = 0; cut < n; cut++) {
			frame_measure(out, cut, &header, &frame);
			assert_int_equal(header, 0);
			assert_int_equal(frame, 0);
		}
	}
}

static void
test_run(void **state)
{
	/* Frames of 10, 20 and 200 bytes. */
	static const size_t payloads[] = {8, 18, 196};
	uint8_t bytes[230];
	size_t n = 0;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < 3; i++) {
		n += frame_header(bytes + n, FRAME_TEXT, payloads[i]);
		n += payloads[i];
	}
	assert_int_equal(n, 230);
	assert_int_equal(frame_run(bytes, n, 1000), 230);
	assert_int_equal(frame_run(bytes, n, 230), 230);
	assert_int_equal(frame_run(bytes, n, 229), 30);
	assert_int_equal(frame_run(bytes, n, 30), 30);
	assert_int_equal(frame_run(bytes, n, 29), 10);
	assert_int_equal(frame_run(bytes, n, 10), 10);
	/* The first alone when it is longer than that. */
	assert_int_equal(frame_run(bytes, n, 9), 10);
	assert_int_equal(frame_run(bytes, 0, 9), 0);
	/* Up to the end of the frame that a byte is in. */
	static const size_t past[][3] = {{0, 10, 1}, {9, 10, 1}, {10, 30, 2},
	    {29, 30, 2}, {30, 230, 3}, {229, 230, 3}, {230, 230, 3}};
	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		size_t frames;
		assert_int_equal(
		    frame_run_past(bytes, n, past[i][0], &frames), past[i][1]);
		assert_int_equal(frames, past[i][2]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_opcode),
	    cmocka_unit_test(test_measure),
	    cmocka_unit_test(test_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
