/*
 * What we rely on in libfcgi: it takes a request from a file, and writes the
 * answer there, without touching a socket.
 */
#include "fcgi-app/fcgi_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static struct fcgi_io *io;

static int
setup(void **state)
{
	(void)state;
	io = fcgi_io_new();
	return io == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	fcgi_io_free(io);
	return 0;
}

static void
fill(struct intake *in, const char *params, size_t n, const char *body)
{
	intake_init(in, 4096);
	in->id = 3;
	in->role = INTAKE_RESPONDER;
	in->begin[1] = INTAKE_RESPONDER;
	buf_append(&in->params, params, n);
	buf_puts(&in->body, body);
}

/* The contents of all records of a type. */
static void
collect(const struct buf *records, int type, struct buf *out)
{
	size_t at = 0;

	while (at + 8 <= records->len) {
		const uint8_t *h = (const uint8_t *)records->data + at;
		size_t n = (size_t)h[4] << 8 | h[5];

		assert_int_equal(h[0], 1);
		assert_int_equal(h[2] << 8 | h[3], 3);
		if (h[1] == type)
			buf_append(out, h + 8, n);
		at += 8 + n + h[6];
	}
	assert_int_equal(at, records->len);
}

static size_t
count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
round_trip(size_t answer_len)
{
	struct intake in;
	struct buf body = BUF_INIT, answer = BUF_INIT, records = BUF_INIT;
	struct buf got = BUF_INIT, end = BUF_INIT;
	char *const *params;

	fill(&in, "\x04\x03NAMEabc\x01\x00X", 12, "the body");
	assert_int_equal(fcgi_io_begin(io, &in, &params, &body), 0);
	assert_string_equal(params[0], "FCGI_ROLE=RESPONDER");
	assert_string_equal(params[1], "NAME=abc");
	assert_string_equal(params[2], "X=");
	assert_null(params[3]);
	assert_string_equal(buf_str(&body), "the body");
	for (size_t i = 0; i < answer_len; i++)
		buf_putc(&answer, (char)('a' + i % 26));
	assert_int_equal(fcgi_io_end(io, &answer, &records), 0);
	collect(&records, 6, &got);
	assert_int_equal(got.len, answer_len);
	assert_memory_equal(buf_str(&got), buf_str(&answer), answer_len);
	collect(&records, 3, &end);
	assert_int_equal(end.len, 8);
	assert_memory_equal(end.data, "\0\0\0\0\0\0\0\0", 8);
	buf_fini(&body);
	buf_fini(&answer);
	buf_fini(&records);
	buf_fini(&got);
	buf_fini(&end);
	intake_fini(&in);
}

static void
test_round_trips(void **state)
{
	(void)state;
	round_trip(0);
	size_t before = count_descriptors();
	/* A long one leaves nothing behind for a short one. */
	round_trip(200000);
	round_trip(1);
	round_trip(8191);
	round_trip(8192);
	round_trip(8193);
	assert_int_equal(count_descriptors(), before);
}

static void
test_refused(void **state)
{
	struct intake in;
	struct buf body = BUF_INIT;
	char *const *params;
	size_t before = count_descriptors();

	/* A role that libfcgi does not know must not make it accept(). */
	(void)state;
	fill(&in, "", 0, "");
	in.begin[1] = 9;
	assert_int_equal(fcgi_io_begin(io, &in, &params, &body), -1);
	intake_fini(&in);
	/* Nor must parameters that do not add up. */
	fill(&in,
	    "\x05\x05"
	    "ab",
	    4, "");
	assert_int_equal(fcgi_io_begin(io, &in, &params, &body), -1);
	intake_fini(&in);
	buf_fini(&body);
	assert_int_equal(count_descriptors(), before);
	round_trip(10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_round_trips, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
