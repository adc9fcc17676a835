/* The request line, the header lines and their limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handshake_fixture.h"

static void
every_prefix_wants_more(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(GOOD) - 1; n++)
		assert_int_equal(status_of(GOOD, n, "unix"), -1);
}

static void
request_line(void **state)
{
	(void)state;
#define REST HEAD ORIGIN COOKIE "\r\n"
	assert_int_equal(STATUS("POST /websocket HTTP/1.1\r\n" REST), 405);
	assert_int_equal(STATUS("get /websocket HTTP/1.1\r\n" REST), 405);
	assert_int_equal(
	    STATUS("CONNECT chat.example:80 HTTP/1.1\r\n" REST), 405);
	assert_int_equal(STATUS("OPTIONS * HTTP/1.1\r\n" REST), 405);
	assert_int_equal(STATUS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 405);
	assert_int_equal(STATUS("GET /websocket HTTP/1.0\r\n" REST), 400);
	assert_int_equal(STATUS("GET /websocket HTTP/2.0\r\n" REST), 400);
	assert_int_equal(STATUS("GET /websocket HTTP/1.1x\r\n" REST), 400);
	assert_int_equal(STATUS("GET /websocket\r\n" REST), 400);
	assert_int_equal(STATUS("GET  /websocket HTTP/1.1\r\n" REST), 400);
	assert_int_equal(STATUS("GET /websocket  HTTP/1.1\r\n" REST), 400);
	assert_int_equal(STATUS(" GET /websocket HTTP/1.1\r\n" REST), 400);
	assert_int_equal(STATUS("GET / HTTP/1.1\r\n" REST), 404);
	assert_int_equal(STATUS("POST / HTTP/1.1\r\n" REST), 404);
	assert_int_equal(STATUS("GET /websocket/ HTTP/1.1\r\n" REST), 404);
	assert_int_equal(STATUS("GET //websocket HTTP/1.1\r\n" REST), 404);
	assert_int_equal(STATUS("GET /%77ebsocket HTTP/1.1\r\n" REST), 404);
	assert_int_equal(STATUS("GET /x/../websocket HTTP/1.1\r\n" REST), 404);
	assert_int_equal(
	    STATUS("GET http://chat.example/websocket HTTP/1.1\r\n" REST), 400);
	assert_int_equal(STATUS("GET /websocket#x HTTP/1.1\r\n" REST), 400);
	assert_int_equal(
	    STATUS("GET /websocket\xc3\xa9 HTTP/1.1\r\n" REST), 400);
	assert_int_equal(STATUS("\x16\x03\x01\x02"), 400);
	assert_int_equal(STATUS("\r\n" GOOD), 400);
}

static void
header_grammar(void **state)
{
	(void)state;
	assert_int_equal(STATUS(WITH("X: y\r\n")), 0);
	assert_int_equal(STATUS(WITH("X:\r\n")), 0);
	assert_int_equal(STATUS(WITH("X: \xe4\xbd\xa0\r\n")), 0);
	assert_int_equal(STATUS(WITH("X : y\r\n")), 400);
	assert_int_equal(STATUS(WITH(": y\r\n")), 400);
	assert_int_equal(STATUS(WITH("X\r\n")), 400);
	assert_int_equal(STATUS(WITH(" folded\r\n")), 400);
	assert_int_equal(STATUS(WITH("X: a\nY: b\r\n")), 400);
	assert_int_equal(STATUS(WITH("X: a\rb\r\n")), 400);
	assert_int_equal(STATUS(WITH("X: a\0b\r\n")), 400);
	assert_int_equal(STATUS(WITH("X: a\x7f\r\n")), 400);
	assert_int_equal(STATUS(WITH("Content-Length: 0\r\n")), 0);
	assert_int_equal(STATUS(WITH("Content-Length: 5\r\n")), 400);
	assert_int_equal(STATUS(WITH("Transfer-Encoding: chunked\r\n")), 400);
	assert_int_equal(STATUS(GOOD "GET"), 400);
	/* Only LF: there is no end of the head. */
	assert_int_equal(STATUS("GET /websocket HTTP/1.1\nHost: x\n\n"), -1);
}

static void
size_limits(void **state)
{
	(void)state;
	static char big[HEAD_BYTES_MAX + 100];
	int n = snprintf(big, sizeof(big), "%sX: ", LINE HEAD ORIGIN COOKIE);
	memset(big + n, 'x', sizeof(big) - (size_t)n);

	memcpy(big + HEAD_BYTES_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(status_of(big, HEAD_BYTES_MAX, "unix"), 0);
	assert_int_equal(status_of(big, HEAD_BYTES_MAX - 1, "unix"), -1);
	memset(big + HEAD_BYTES_MAX - 4, 'x', 4);
	memcpy(big + HEAD_BYTES_MAX - 3, "\r\n\r\n", 4);
	assert_int_equal(status_of(big, HEAD_BYTES_MAX + 1, "unix"), 400);
	assert_int_equal(status_of(big, HEAD_BYTES_MAX, "unix"), 400);

	struct buf b = BUF_INIT;
	buf_puts(&b, LINE HEAD ORIGIN COOKIE);
	for (int i = 0; i < HEAD_HEADERS_MAX; i++)
		buf_puts(&b, "X: y\r\n");
	buf_puts(&b, "\r\n");
	assert_int_equal(status_of(b.data, b.len, "unix"), 400);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_prefix_wants_more),
	    cmocka_unit_test(request_line),
	    cmocka_unit_test(header_grammar),
	    cmocka_unit_test(size_limits),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
