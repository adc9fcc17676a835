#include "fcgi-app/intake.h"

#include "fcgi-app/fcgi_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 16

static struct intake in;
static struct buf wire;

static int
setup(void **state)
{
	(void)state;
	intake_init(&in, BODY_MAX);
	buf_init(&wire);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	intake_fini(&in);
	buf_fini(&wire);
	return 0;
}

static void
put(int type, int id, const void *bytes, size_t n, size_t padding)
{
	const uint8_t header[8] = {1, (uint8_t)type, (uint8_t)(id >> 8),
	    (uint8_t)id, (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)padding, 0};

	buf_append(&wire, header, sizeof(header));
	buf_append(&wire, bytes, n);
	while (padding-- > 0)
		buf_putc(&wire, 'P');
}

static void
put_begin(int role)
{
	const uint8_t body[8] = {0, (uint8_t)role, 1};

	put(1, 7, body, sizeof(body), 0);
}

static void
put_request(const char *params, const char *body)
{
	put_begin(INTAKE_RESPONDER);
	if (*params != '\0')
		put(4, 7, params, strlen(params), 3);
	put(4, 7, "", 0, 0);
	if (*body != '\0')
		put(5, 7, body, strlen(body), 5);
	put(5, 7, "", 0, 0);
}

/* Feeds the wire in pieces of that size. */
static enum intake_status
feed(size_t piece)
{
	enum intake_status status = INTAKE_MORE;

	for (size_t at = 0; at < wire.len && status == INTAKE_MORE;) {
		size_t n = wire.len - at < piece ? wire.len - at : piece;
		/* Exactly sized, so that ASan sees a byte too far. */
		uint8_t *copy = malloc(n);
		memcpy(copy, wire.data + at, n);
		status = intake_feed(&in, copy, n);
		free(copy);
		at += n;
	}
	return status;
}

struct reply {
	uint8_t type;
	uint16_t id;
	const char *content;
	size_t n;
};

/* What is to be said, record by record. */
static void
assert_replies(const struct reply *expected, size_t n)
{
	struct buf all = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		fcgi_record_put(&all, expected[i].type, expected[i].id,
		    expected[i].content, expected[i].n);
	assert_int_equal(in.replies.len, all.len);
	assert_memory_equal(in.replies.data, all.data, all.len);
	buf_fini(&all);
}

static void
test_pieces(void **state)
{
	static const char params[] = "\x01\x01"
				     "ab"
				     "\x02\x80\x00\x00\x01"
				     "cde";

	for (size_t piece = 1; piece < 80; piece++) {
		setup(state);
		wire.len = 0;
		put_begin(INTAKE_RESPONDER);
		put(4, 7, params, 3, 0);
		put(4, 7, params + 3, 9, 1);
		put(4, 7, "", 0, 0);
		put(5, 7, "hel", 3, 0);
		put(5, 9, "other request", 13, 2);
		put(9, 0, "\x01\x00X", 3, 0);
		put(5, 7, "lo", 2, 255);
		put(5, 7, "", 0, 0);
		assert_int_equal(feed(piece), INTAKE_DONE);
		assert_int_equal(in.id, 7);
		assert_int_equal(in.role, INTAKE_RESPONDER);
		assert_int_equal(in.params.len, 12);
		assert_memory_equal(in.params.data, params, 12);
		assert_string_equal(buf_str(&in.body), "hello");
		assert_int_equal(in.replies.len, 8);
		assert_false(
		    in.is_params_bad || in.is_params_over || in.is_body_over);
		teardown(state);
	}
	setup(state);
}

static void
test_incomplete(void **state)
{
	(void)state;
	put_request("\x01\x01"
		    "ab",
	    "x");
	wire.len--;
	assert_int_equal(feed(1), INTAKE_MORE);
}

static void
test_body_limit(void **state)
{
	(void)state;
	put_request("", "0123456789abcdef");
	assert_int_equal(feed(5), INTAKE_DONE);
	assert_false(in.is_body_over);
	assert_int_equal(in.body.len, BODY_MAX);
	teardown(state);
	setup(state);
	put_request("", "0123456789abcdefX");
	assert_int_equal(feed(5), INTAKE_DONE);
	assert_true(in.is_body_over);
	assert_int_equal(in.body.len, BODY_MAX);
}

static void
test_params_limits(void **state)
{
	char big[60000];

	/* Bytes: noticed before they are there. */
	(void)state;
	memset(big, 0, sizeof(big));
	put_begin(INTAKE_RESPONDER);
	put(4, 7, big, sizeof(big), 0);
	put(4, 7, big, sizeof(big), 0);
	wire.len -= sizeof(big);
	assert_int_equal(feed(4096), INTAKE_DONE);
	assert_true(in.is_params_over);
	assert_int_equal(in.params.len, 0);
	teardown(state);

	/* Number: pairs of empty name and value. */
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put(4, 7, big, 2 * INTAKE_PARAMS_MAX, 0);
	put(4, 7, "", 0, 0);
	put(5, 7, "", 0, 0);
	assert_int_equal(feed(4096), INTAKE_DONE);
	assert_false(in.is_params_over);
	teardown(state);
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put(4, 7, big, 2 * INTAKE_PARAMS_MAX + 2, 0);
	put(4, 7, "", 0, 0);
	assert_int_equal(feed(4096), INTAKE_DONE);
	assert_true(in.is_params_over);
}

static void
test_params_bad(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} table[] = {
	    {"\x01", 1}, /* no value length */
	    {"\x01\x05"
	     "ab",
		4}, /* value cut short */
	    {"\x80\x00\x00", 3}, /* length cut short */
	    {"\xff\xff\xff\xff\xff\xff\xff\xff", 8}, /* 2 GiB each */
	    {"\x01\x01"
	     "a\0",
		4}, /* a NUL */
	    {"\x01\x01\0b", 4},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		teardown(state);
		setup(state);
		put_begin(INTAKE_RESPONDER);
		put(4, 7, table[i].bytes, table[i].n, 0);
		put(4, 7, "", 0, 0);
		if (feed(64) != INTAKE_DONE || !in.is_params_bad)
			fail_msg("row %zu", i);
		assert_int_equal(in.params.len, 0);
	}
}

static void
test_protocol(void **state)
{
	const uint8_t begin[8] = {0, 1};

	/* Version. */
	(void)state;
	put_begin(INTAKE_RESPONDER);
	wire.data[0] = 2;
	assert_int_equal(feed(64), INTAKE_BAD);
	/* Request id 0. */
	teardown(state);
	setup(state);
	put(1, 0, begin, 8, 0);
	assert_int_equal(feed(64), INTAKE_BAD);
	/* A begin body of another size. */
	teardown(state);
	setup(state);
	put(1, 7, begin, 7, 0);
	assert_int_equal(feed(64), INTAKE_BAD);
	/* Body before parameters; parameters after their end; an abort. */
	teardown(state);
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put(5, 7, "x", 1, 0);
	assert_int_equal(feed(64), INTAKE_BAD);
	teardown(state);
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put(4, 7, "", 0, 0);
	put(4, 7, "x", 1, 0);
	assert_int_equal(feed(64), INTAKE_BAD);
	teardown(state);
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put(2, 7, "", 0, 0);
	assert_int_equal(feed(64), INTAKE_REFUSED);
	assert_replies(&(struct reply){3, 7, "\0\0\0\0\0\0\0\0", 8}, 1);
	/* The same request begun twice. */
	teardown(state);
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put_begin(INTAKE_RESPONDER);
	assert_int_equal(feed(64), INTAKE_BAD);
	/* A second begin does not become the request. */
	teardown(state);
	setup(state);
	put_begin(INTAKE_RESPONDER);
	put(1, 9, "\0\2\0\0\0\0\0\0", 8, 0);
	put(4, 7, "", 0, 0);
	put(5, 7, "", 0, 0);
	assert_int_equal(feed(64), INTAKE_DONE);
	assert_int_equal(in.id, 7);
	assert_int_equal(in.role, INTAKE_RESPONDER);
	assert_replies(&(struct reply){3, 9, "\0\0\0\0\1\0\0\0", 8}, 1);
}

static void
test_roles(void **state)
{
	for (int role = 0; role < 256; role++) {
		if (role == INTAKE_RESPONDER || role == INTAKE_AUTHORIZER)
			continue;
		teardown(state);
		setup(state);
		put_begin(role);
		assert_int_equal(feed(64), INTAKE_REFUSED);
		assert_replies(&(struct reply){3, 7, "\0\0\0\0\3\0\0\0", 8}, 1);
	}
}

static void
test_management(void **state)
{
	static const char known[] = "\x0e\0FCGI_MAX_CONNS"
				    "\x0f\0FCGI_MPXS_CONNS";
	static const struct reply replies[] = {
	    {10, 0, "\x0f\1FCGI_MPXS_CONNS0", 18},
	    {10, 0, "", 0},
	    {11, 0, "\x0c\0\0\0\0\0\0\0", 8},
	    {11, 0, "\x05\0\0\0\0\0\0\0", 8},
	};
	const char big[129] = {0};

	/* Before a request and within one. */
	(void)state;
	put(9, 0, known, sizeof(known) - 1, 1);
	put(9, 0, "\x03\0FOO", 5, 0);
	put_begin(INTAKE_RESPONDER);
	put(12, 0, "what", 4, 0);
	put(5, 0, "", 0, 0);
	put(4, 7, "", 0, 0);
	put(5, 7, "", 0, 0);
	assert_int_equal(feed(3), INTAKE_DONE);
	assert_replies(replies, 4);
	/* Pairs that do not add up, and more than anybody asks. */
	teardown(state);
	setup(state);
	put(9, 0, "\x03\0FO", 4, 0);
	assert_int_equal(feed(64), INTAKE_BAD);
	teardown(state);
	setup(state);
	put(9, 0, big, 128, 0);
	assert_int_equal(feed(64), INTAKE_MORE);
	put(9, 0, big, 129, 0);
	buf_consume(&wire, 136);
	assert_int_equal(feed(64), INTAKE_BAD);
	/* Sixteen times and no more. */
	teardown(state);
	setup(state);
	for (int i = 0; i < 16; i++)
		put(12, 0, "", 0, 0);
	assert_int_equal(feed(64), INTAKE_MORE);
	wire.len = 0;
	put_begin(INTAKE_RESPONDER);
	put(1, 9, "\0\1\0\0\0\0\0\0", 8, 0);
	assert_int_equal(feed(64), INTAKE_BAD);
}

static void
test_authorizer(void **state)
{
	/* That role has no body, so nothing more is waited for. */
	(void)state;
	put_begin(2);
	put(4, 7, "", 0, 0);
	assert_int_equal(feed(64), INTAKE_DONE);
	assert_int_equal(in.role, INTAKE_AUTHORIZER);
	assert_false(in.has_end);
}

/* What comes along with it is taken, so that nothing is left unread. */
static void
test_authorizer_with_body(void **state)
{
	(void)state;
	put_begin(INTAKE_AUTHORIZER);
	put(4, 7, "", 0, 0);
	put(5, 7, "", 0, 0);
	assert_int_equal(feed(64), INTAKE_DONE);
	assert_true(in.has_end);
}

static void
test_records(void **state)
{
	struct buf records = BUF_INIT;
	struct intake again;

	(void)state;
	put_request("\x01\x01"
		    "ab",
	    "body");
	assert_int_equal(feed(64), INTAKE_DONE);
	assert_int_equal(intake_put_records(&in, &records), 0);
	intake_init(&again, BODY_MAX);
	assert_int_equal(
	    intake_feed(&again, (const uint8_t *)records.data, records.len),
	    INTAKE_DONE);
	assert_int_equal(again.id, 7);
	assert_memory_equal(again.params.data, in.params.data, in.params.len);
	assert_string_equal(buf_str(&again.body), "body");
	intake_fini(&again);
	buf_fini(&records);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_pieces),
	    TEST(test_incomplete),
	    TEST(test_body_limit),
	    TEST(test_params_limits),
	    TEST(test_params_bad),
	    TEST(test_protocol),
	    TEST(test_roles),
	    TEST(test_management),
	    TEST(test_authorizer),
	    TEST(test_authorizer_with_body),
	    TEST(test_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
