/*
 * gatecast.v1: what is written, what is understood, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/protocol.h"

#include <stdlib.h>
#include <string.h>

static void
check(struct buf *b, const char *expected)
{
	assert_false(b->has_failed);
	assert_string_equal(buf_str(b), expected);
	buf_reset(b);
}

#define TIME "2026-01-02T03:04:05.678Z"

static void
test_events(void **state)
{
	struct buf b = BUF_INIT;
	struct protocol_event e = {
	    .type = PROTOCOL_MESSAGE,
	    .seq = 42,
	    .user = "alice",
	    .user_bytes = 5,
	    .time = TIME,
	    .text = "hi",
	    .text_bytes = 2,
	};

	(void)state;
	protocol_event(&b, &e);
	check(&b,
	    "{\"type\":\"message\",\"seq\":42,\"user\":\"alice\",\"time\":"
	    "\"" TIME "\",\"text\":\"hi\"}");
	e.type = PROTOCOL_JOIN;
	e.seq = 0;
	protocol_event(&b, &e);
	check(&b,
	    "{\"type\":\"join\",\"seq\":0,\"user\":\"alice\",\"time\":\"" TIME
	    "\"}");
	e.type = PROTOCOL_LEAVE;
	e.seq = UINT64_MAX;
	protocol_event(&b, &e);
	check(&b,
	    "{\"type\":\"leave\",\"seq\":18446744073709551615,\"user\":"
	    "\"alice\","
	    "\"time\":\"" TIME "\"}");
	e.type = PROTOCOL_NOTICE;
	e.seq = 7;
	protocol_event(&b, &e);
	check(&b,
	    "{\"type\":\"notice\",\"seq\":7,\"time\":\"" TIME
	    "\",\"text\":\"hi\"}");
	buf_fini(&b);
}

static void
test_escapes(void **state)
{
	static const char text[] =
	    "a\"b\\c\x01\x1f\b\t\n\f\r\x7f/<>&"
	    "\xe2\x80\xa8\xe2\x80\xa9é上\xf0\x9f\x98\x80";
	struct buf b = BUF_INIT;
	struct protocol_event e = {
	    .type = PROTOCOL_NOTICE,
	    .seq = 1,
	    .time = TIME,
	    .text = text,
	    .text_bytes = sizeof(text), /* the NUL too */
	};

	(void)state;
	protocol_event(&b, &e);
	check(&b,
	    "{\"type\":\"notice\",\"seq\":1,\"time\":\"" TIME
	    "\",\"text\":\"a\\\"b\\\\c\\u0001\\u001f\\b\\t\\n\\f\\r\x7f/<>&"
	    "\xe2\x80\xa8\xe2\x80\xa9é上\xf0\x9f\x98\x80\\u0000\"}");
	buf_fini(&b);
}

static void
test_hello(void **state)
{
	struct buf b = BUF_INIT, online = BUF_INIT;
	struct protocol_hello h = {
	    .user = "bob",
	    .user_bytes = 3,
	    .epoch = UINT64_C(0xfedcba9876543210),
	    .seq = 9,
	    .ping_s = 25,
	    .message_bytes = 4096,
	    .online = &online,
	};

	(void)state;
	protocol_hello(&b, &h);
	check(&b,
	    "{\"type\":\"hello\",\"user\":\"bob\",\"epoch\":"
	    "\"fedcba9876543210\","
	    "\"seq\":9,\"resumed\":false,\"ping_s\":25,\"message_bytes\":4096,"
	    "\"online\":[]}");
	protocol_online(&online, "alice", 5, TIME);
	protocol_online(&online, "b\"b", 3, TIME);
	h.is_resumed = true;
	h.epoch = 0xa;
	protocol_hello(&b, &h);
	check(&b,
	    "{\"type\":\"hello\",\"user\":\"bob\",\"epoch\":\"a\","
	    "\"seq\":9,\"resumed\":true,\"ping_s\":25,\"message_bytes\":4096,"
	    "\"online\":[{\"user\":\"alice\",\"since\":\"" TIME "\"},"
	    "{\"user\":\"b\\\"b\",\"since\":\"" TIME "\"}]}");
	buf_fini(&online);
	buf_fini(&b);
}

static void
test_answers(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	protocol_ack(&b, "r", 1, 5);
	check(&b, "{\"type\":\"ack\",\"ref\":\"r\",\"seq\":5}");
	protocol_ack(&b, NULL, 0, 5);
	check(&b, "{\"type\":\"ack\",\"ref\":null,\"seq\":5}");
	protocol_gap(&b, 3, 9);
	check(&b, "{\"type\":\"gap\",\"from\":3,\"to\":9}");
	protocol_error(&b, PROTOCOL_TOO_FAST, "r\n", 2, 120);
	check(&b,
	    "{\"type\":\"error\",\"ref\":\"r\\n\",\"code\":\"too_fast\","
	    "\"detail\":\"too many messages\",\"retry_after_ms\":120}");
	protocol_error(&b, PROTOCOL_BAD_TYPE, NULL, 0, 0);
	check(&b,
	    "{\"type\":\"error\",\"ref\":null,\"code\":\"bad_type\","
	    "\"detail\":\"type must be \\\"send\\\" or \\\"history\\\"\"}");
	buf_fini(&b);
}

static enum protocol_err
decode(const char *text, struct protocol_request *r)
{
	/* An exact copy, so that ASan sees a byte too many. */
	size_t n = strlen(text);
	char *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	memcpy(copy, text, n);
	enum protocol_err err = protocol_decode(copy, n, 16, r);
	free(copy);
	return err;
}

static void
test_send(void **state)
{
	struct protocol_request r;

	(void)state;
	assert_int_equal(
	    decode(
		" {\"text\":\"h\\u00e9\\n\\t\",\"ref\":\"x\",\"type\":\"send\","
		"\"new\":[1]} ",
		&r),
	    PROTOCOL_OK);
	assert_int_equal(r.type, PROTOCOL_SEND);
	assert_int_equal(r.ref_bytes, 1);
	assert_string_equal(r.ref, "x");
	assert_int_equal(r.text_bytes, 5);
	assert_string_equal(r.text, "hé\n\t");
	protocol_request_fini(&r);
	assert_int_equal(
	    decode("{\"type\":\"send\",\"text\":\"t\"}", &r), PROTOCOL_OK);
	assert_null(r.ref);
	protocol_request_fini(&r);
	/* Exactly as long as allowed. */
	assert_int_equal(
	    decode("{\"type\":\"send\",\"text\":\"0123456789abcdef\"}", &r),
	    PROTOCOL_OK);
	protocol_request_fini(&r);
}

static void
test_history(void **state)
{
	struct protocol_request r;

	(void)state;
	assert_int_equal(
	    decode("{\"type\":\"history\",\"before\":12,\"limit\":7}", &r),
	    PROTOCOL_OK);
	assert_int_equal(r.type, PROTOCOL_HISTORY);
	assert_int_equal(r.before, 12);
	assert_int_equal(r.limit, 7);
	protocol_request_fini(&r);
	assert_int_equal(decode("{\"type\":\"history\"}", &r), PROTOCOL_OK);
	assert_true(r.before == UINT64_MAX);
	assert_int_equal(r.limit, PROTOCOL_HISTORY_DEFAULT);
	protocol_request_fini(&r);
	assert_int_equal(
	    decode("{\"type\":\"history\",\"before\":0,\"limit\":201}", &r),
	    PROTOCOL_OK);
	assert_int_equal(r.before, 0);
	assert_int_equal(r.limit, PROTOCOL_HISTORY_MAX);
	protocol_request_fini(&r);
}

#define REF64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_refused(void **state)
{
	static const struct {
		const char *text;
		enum protocol_err err;
		const char *ref;
	} cases[] = {
	    {"", PROTOCOL_BAD_JSON, NULL},
	    {"hello", PROTOCOL_BAD_JSON, NULL},
	    {"{", PROTOCOL_BAD_JSON, NULL},
	    {"[]", PROTOCOL_BAD_JSON, NULL},
	    {"\"send\"", PROTOCOL_BAD_JSON, NULL},
	    {"{} {}", PROTOCOL_BAD_JSON, NULL},
	    {"{\"type\":\"send\",\"type\":\"send\",\"text\":\"a\"}",
		PROTOCOL_BAD_JSON, NULL},
	    {"{\"type\":\"send\",\"text\":\"\\u0000\"}", PROTOCOL_BAD_JSON,
		NULL},
	    {"{\"type\":\"send\",\"text\":\"\xff\"}", PROTOCOL_BAD_JSON, NULL},
	    {"{\"type\":\"send\",\"text\":\"\\ud800\"}", PROTOCOL_BAD_JSON,
		NULL},
	    {"{\"type\":\"send\",\"text\":\"a\nb\"}", PROTOCOL_BAD_JSON, NULL},
	    {"{}", PROTOCOL_BAD_TYPE, NULL},
	    {"{\"type\":1}", PROTOCOL_BAD_TYPE, NULL},
	    {"{\"type\":\"Send\",\"ref\":\"r\"}", PROTOCOL_BAD_TYPE, "r"},
	    {"{\"type\":\"send\",\"ref\":\"r\"}", PROTOCOL_BAD_FIELD, "r"},
	    {"{\"type\":\"send\",\"ref\":\"r\",\"text\":5}", PROTOCOL_BAD_FIELD,
		"r"},
	    {"{\"type\":\"send\",\"ref\":\"r\",\"text\":null}",
		PROTOCOL_BAD_FIELD, "r"},
	    {"{\"type\":\"send\",\"ref\":\"\",\"text\":\"a\"}",
		PROTOCOL_BAD_FIELD, NULL},
	    {"{\"type\":\"send\",\"ref\":1,\"text\":\"a\"}", PROTOCOL_BAD_FIELD,
		NULL},
	    {"{\"type\":\"send\",\"ref\":\"" REF64 "\",\"text\":\"\"}",
		PROTOCOL_EMPTY, REF64},
	    {"{\"type\":\"send\",\"ref\":\"" REF64 "0\",\"text\":\"a\"}",
		PROTOCOL_TOO_LONG, NULL},
	    {"{\"type\":\"send\",\"ref\":\"r\",\"text\":\"0123456789abcdefg\"}",
		PROTOCOL_TOO_LONG, "r"},
	    {"{\"type\":\"send\",\"ref\":\"r\",\"text\":\" \\n\\t\\u3000\"}",
		PROTOCOL_EMPTY, "r"},
	    {"{\"type\":\"send\",\"ref\":\"r\",\"text\":\"a\\u0007\"}",
		PROTOCOL_BAD_FIELD, "r"},
	    {"{\"type\":\"send\",\"ref\":\"r\",\"text\":\"a\\r\\n\"}",
		PROTOCOL_BAD_FIELD, "r"},
	    {"{\"type\":\"history\",\"before\":-1}", PROTOCOL_BAD_FIELD, NULL},
	    {"{\"type\":\"history\",\"before\":1.0}", PROTOCOL_BAD_FIELD, NULL},
	    {"{\"type\":\"history\",\"before\":\"1\"}", PROTOCOL_BAD_FIELD,
		NULL},
	    {"{\"type\":\"history\",\"before\":99999999999999999999}",
		PROTOCOL_BAD_JSON, NULL},
	    {"{\"type\":\"history\",\"limit\":0}", PROTOCOL_BAD_FIELD, NULL},
	    {"{\"type\":\"history\",\"limit\":\"5\"}", PROTOCOL_BAD_FIELD,
		NULL},
	};
	struct protocol_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum protocol_err err = decode(cases[i].text, &r);
		if (err != cases[i].err)
			fail_msg("%s: %d, expected %d", cases[i].text, err,
			    cases[i].err);
		if (cases[i].ref == NULL) {
			assert_null(r.ref);
		} else {
			assert_non_null(r.ref);
			assert_string_equal(r.ref, cases[i].ref);
		}
		protocol_request_fini(&r);
	}
}

static void
test_deep_nesting(void **state)
{
	enum {
		DEPTH = 20000
	};
	struct protocol_request r;
	char *text = malloc(DEPTH + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '[', DEPTH);
	text[DEPTH] = '\0';
	assert_int_equal(decode(text, &r), PROTOCOL_BAD_JSON);
	protocol_request_fini(&r);
	free(text);
}

static void
test_every_escape_fits(void **state)
{
	struct buf b = BUF_INIT;
	struct protocol_request r;

	(void)state;
	/* The longest way to write the longest ref and a text of 16. */
	buf_puts(&b, "{\"type\":\"send\",\"ref\":\"");
	for (int i = 0; i < PROTOCOL_REF_MAX; i++)
		buf_puts(&b, "\\u0072");
	buf_puts(&b, "\",\"text\":\"");
	for (int i = 0; i < 16; i++)
		buf_puts(&b, "\\u0074");
	buf_puts(&b, "\"}");
	assert_int_equal(decode(buf_str(&b), &r), PROTOCOL_OK);
	assert_int_equal(r.text_bytes, 16);
	protocol_request_fini(&r);
	assert_true(b.len <= 16 * PROTOCOL_ESCAPE_MAX + PROTOCOL_FRAME_EXTRA);
	buf_fini(&b);
}

static void
test_blank(void **state)
{
	static const char *const blank[] = {
	    "", " ", "\t\n\v\f\r ", "\xc2\xa0", "\xe3\x80\x80 \xe3\x80\x80"};
	static const char *const not_blank[] = {
	    "a", " .", "\xc2", "\xe3\x80", "\xe3\x80\x81", "\xc2\xa1", "\x01"};

	(void)state;
	for (size_t i = 0; i < sizeof(blank) / sizeof(blank[0]); i++)
		assert_true(protocol_is_blank(blank[i], strlen(blank[i])));
	for (size_t i = 0; i < sizeof(not_blank) / sizeof(not_blank[0]); i++)
		assert_false(
		    protocol_is_blank(not_blank[i], strlen(not_blank[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_hello),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_send),
	    cmocka_unit_test(test_history),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_deep_nesting),
	    cmocka_unit_test(test_every_escape_fits),
	    cmocka_unit_test(test_blank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
