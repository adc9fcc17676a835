/*
 * Streams of frames and what they say; each whole, cut in two at every place,
 * and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deframe_seen.h"

#include <stdio.h>

#define STREAM_MAX 70000

static uint8_t stream[STREAM_MAX];
static size_t stream_bytes;

static void
put(const void *bytes, size_t n)
{
	assert_true(stream_bytes + n <= sizeof(stream));
	memcpy(stream + stream_bytes, bytes, n);
	stream_bytes += n;
}

/* A masked frame, its length in the form the client would choose. */
static void
frame(uint8_t first, const void *payload, size_t n)
{
	static const uint8_t key[4] = {0xa5, 0x01, 0xff, 0x80};
	uint8_t head[14] = {first};
	size_t length = n < 126 ? 0 : n <= UINT16_MAX ? 2 : 8;

	head[1] = (uint8_t)(0x80 | (length == 0 ? n : length == 2 ? 126 : 127));
	for (size_t i = 0; i < length; i++)
		head[2 + i] = (uint8_t)((uint64_t)n >> 8 * (length - 1 - i));
	memcpy(head + 2 + length, key, sizeof(key));
	put(head, 2 + length + sizeof(key));
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = ((const uint8_t *)payload)[i] ^ key[i % 4];
		put(&byte, 1);
	}
}

/* Whole for cut 0; cut in two there; byte by byte for SIZE_MAX. */
static void
judge(const char *want, size_t want_bytes, size_t cut)
{
	struct deframe_seen s = {0};
	uint8_t *copy = malloc(stream_bytes + 1);

	memcpy(copy, stream, stream_bytes);
	if (cut == SIZE_MAX) {
		for (size_t i = 0; i < stream_bytes; i++)
			deframe_seen_feed(&s, copy + i, 1);
	} else {
		deframe_seen_feed(&s, copy, cut);
		deframe_seen_feed(&s, copy + cut, stream_bytes - cut);
	}
	if (s.text.len != want_bytes || s.is_wrong ||
	    (want_bytes > 0 && memcmp(s.text.data, want, want_bytes) != 0))
		fail_msg("cut %zd: %.200s, not %.200s", (ssize_t)cut,
		    buf_str(&s.text), want);
	deframe_seen_fini(&s);
	free(copy);
}

static void
says(const char *want, size_t n)
{
	for (size_t cut = 0; cut <= stream_bytes && cut < 600; cut++)
		judge(want, n, cut);
	judge(want, n, SIZE_MAX);
	stream_bytes = 0;
}

#define SAYS(want) says(want, sizeof(want) - 1)
#define FRAME(first, payload) frame(first, payload, sizeof(payload) - 1)
#define PUT(bytes) put(bytes, sizeof(bytes) - 1)

static void
test_messages(void **state)
{
	(void)state;
	SAYS("");
	FRAME(0x81, "");
	SAYS("text()");
	FRAME(0x81, "hello");
	FRAME(0x82, "\0\xff");
	SAYS("text(hello)binary(\0\xff)");
	FRAME(0x01, "a\xe4");
	FRAME(0x89, "ping");
	FRAME(0x00, "\xbd");
	FRAME(0x8a, "");
	FRAME(0x00, "");
	FRAME(0x80,
	    "\xa0"
	    "b");
	SAYS("control(ping)control()text(a\xe4\xbd\xa0"
	     "b)");
	FRAME(0x02, "");
	FRAME(0x80, "");
	SAYS("binary()");
	FRAME(0x01, "unfinished");
	SAYS("");
}

static void
test_lengths(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 7, 8, 9, 124, 125, 126, 127, 65535, 65536, 65543};
	static uint8_t payload[STREAM_MAX];
	static char want[STREAM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)('a' + i % 23);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i];
		size_t before = (size_t)snprintf(want, sizeof(want), "text(");
		memcpy(want + before, payload, n);
		want[before + n] = ')';
		frame(0x81, payload, n);
		if (n < 600) {
			says(want, before + n + 1);
			continue;
		}
		judge(want, before + n + 1, 0);
		judge(want, before + n + 1, 5000);
		judge(want, before + n + 1, SIZE_MAX);
		stream_bytes = 0;
	}
}

static void
test_control_frames(void **state)
{
	static const uint8_t payload[DEFRAME_CONTROL_MAX + 1] = {0};
	char want[16 + sizeof(payload)] = "control(";

	(void)state;
	memcpy(want + 8, payload, DEFRAME_CONTROL_MAX);
	want[8 + DEFRAME_CONTROL_MAX] = ')';
	frame(0x89, payload, DEFRAME_CONTROL_MAX);
	says(want, 8 + DEFRAME_CONTROL_MAX + 1);
	frame(0x89, payload, sizeof(payload));
	SAYS("failed(1002 control frame too long)");
	FRAME(0x09, "");
	SAYS("failed(1002 control frame in fragments)");
	/* One behind the other, each in pieces of its own. */
	FRAME(0x89, "abc");
	FRAME(0x8a, "defg");
	FRAME(0x89, "");
	FRAME(0x89, "h");
	SAYS("control(abc)control(defg)control()control(h)");
}

static void
test_forbidden(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *reason;
	} rows[] = {
#define ROW(bytes, reason) {bytes, sizeof(bytes) - 1, reason}
	    ROW("\xc1\x80", "reserved bit set"),
	    ROW("\xa1\x80", "reserved bit set"),
	    ROW("\x91\x80", "reserved bit set"),
	    ROW("\xc9\x80", "reserved bit set"),
	    ROW("\x83\x80", "reserved opcode"),
	    ROW("\x87\x80", "reserved opcode"),
	    ROW("\x8b\x80", "reserved opcode"),
	    ROW("\x8f\x80", "reserved opcode"),
	    ROW("\x81\x01", "frame not masked"),
	    ROW("\x81\x00", "frame not masked"),
	    ROW("\x89\x00", "frame not masked"),
	    ROW("\x88\x00", "frame not masked"),
	    ROW("\x80\x80", "nothing to continue"),
	    ROW("\x00\x80", "nothing to continue"),
	    ROW("\x89\xfe", "control frame too long"),
	    ROW("\x88\xff", "control frame too long"),
	    ROW("\x08\x80", "control frame in fragments"),
	    ROW("\x01\x80mask\x01\x80", "message inside a message"),
	    ROW("\x01\x80mask\x82\x80", "message inside a message"),
	    ROW("\x81\xfe\0\x7dmask", "length not in its shortest form"),
	    ROW("\x81\xff\0\0\0\0\0\0\xff\xffmask",
		"length not in its shortest form"),
	    ROW("\x81\xff\x80\0\0\0\0\0\0\0mask", "length too long"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[64];
		put(rows[i].bytes, rows[i].n);
		int n = snprintf(
		    want, sizeof(want), "failed(1002 %s)", rows[i].reason);
		says(want, (size_t)n);
		/* The same behind a good frame. */
		FRAME(0x89, "");
		put(rows[i].bytes, rows[i].n);
		n = snprintf(want, sizeof(want), "control()failed(1002 %s)",
		    rows[i].reason);
		says(want, (size_t)n);
	}
}

static void
test_text_is_utf8(void **state)
{
	(void)state;
	FRAME(0x81, "a\xff");
	SAYS("failed(1007 not UTF-8)");
	FRAME(0x81, "a\xc3");
	SAYS("failed(1007 not UTF-8)");
	FRAME(0x01, "\xe4\xbd");
	FRAME(0x80, "x");
	SAYS("failed(1007 not UTF-8)");
	/* At once, not when the message ends. */
	FRAME(0x01, "\xed\xa0");
	SAYS("failed(1007 not UTF-8)");
	FRAME(0x01, "a\xf4\x90");
	SAYS("failed(1007 not UTF-8)");
	/* Each message begins anew; what is binary is not looked at. */
	FRAME(0x02, "\xe4");
	FRAME(0x80, "\xff");
	FRAME(0x81, "\xe4\xbd\xa0");
	SAYS("binary(\xe4\xff)text(\xe4\xbd\xa0)");
}

static void
test_close(void **state)
{
	static const unsigned good[] = {1000, 1001, 1002, 1003, 1007, 1008,
	    1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999};
	static const unsigned bad[] = {0, 1, 999, 1004, 1005, 1006, 1015, 1016,
	    1100, 2000, 2999, 5000, 65535};
	char want[64];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const uint8_t payload[] = {
		    (uint8_t)(good[i] >> 8), (uint8_t)good[i], 'b', 'y', 'e'};
		int n = snprintf(want, sizeof(want), "close(%u)", good[i]);
		frame(0x88, payload, 2);
		says(want, (size_t)n);
		frame(0x88, payload, sizeof(payload));
		FRAME(0x81, "not read");
		says(want, (size_t)n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const uint8_t payload[] = {
		    (uint8_t)(bad[i] >> 8), (uint8_t)bad[i]};
		frame(0x88, payload, 2);
		SAYS("failed(1002 no such close code)");
	}
	FRAME(0x88, "");
	SAYS("close(0)");
	FRAME(0x88, "\x03");
	SAYS("failed(1002 no such close code)");
	FRAME(0x88, "\x03\xe8\xff");
	SAYS("failed(1007 not UTF-8)");
	FRAME(0x88, "\x03\xe8\xe4\xbd");
	SAYS("failed(1007 not UTF-8)");
	FRAME(0x01, "half");
	FRAME(0x88, "\x03\xe9\xe4\xbd\xa0");
	SAYS("close(1001)");
}

/* A size is known before any payload has come. */
static void
test_header_alone(void **state)
{
	uint8_t bytes[] = "\x81\xff\0\0\1\0\0\0\0\0mask";
	uint8_t *at = bytes;
	size_t n = sizeof(bytes) - 1;
	struct deframe d = {0};
	struct deframe_piece p;

	(void)state;
	assert_int_equal(deframe_next(&d, &at, &n, &p), DEFRAME_DATA);
	assert_int_equal(p.n, 0);
	assert_true(p.remaining == UINT64_C(1) << 40);
	assert_true(p.is_first && !p.is_final);
	assert_int_equal(deframe_next(&d, &at, &n, &p), DEFRAME_MORE);
	deframe_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_control_frames),
	    cmocka_unit_test(test_forbidden),
	    cmocka_unit_test(test_text_is_utf8),
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_header_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
