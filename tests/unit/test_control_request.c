/*
 * A line of the control socket: what is understood, what is refused and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/control_request.h"

#include <stdio.h>
#include <string.h>

static enum control_request_err
parse(const char *line, struct control_request *r)
{
	return control_request_parse(line, strlen(line), r);
}

static void
test_commands(void **state)
{
	static const struct {
		const char *line;
		enum control_request_command command;
	} good[] = {
	    {"{\"command\":\"who\"}", CONTROL_WHO},
	    {"{\"command\":\"status\",\"other\":[1]}", CONTROL_STATUS},
	    {" {\"command\" : \"drain\"} \r", CONTROL_DRAIN},
	};
	struct control_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(good[i].line, &r), CONTROL_REQUEST_OK);
		assert_int_equal(r.command, good[i].command);
		control_request_fini(&r);
	}
}

static void
test_fields(void **state)
{
	struct control_request r;

	(void)state;
	assert_int_equal(parse("{\"command\":\"publish\",\"text\":\"a\\n\\tb\","
			       "\"user\":\"e\\u0301\"}",
			     &r),
	    CONTROL_REQUEST_OK);
	assert_string_equal(r.user, "\xc3\xa9"); /* NFC */
	assert_int_equal(r.text_bytes, 4);
	assert_memory_equal(r.text, "a\n\tb", 4);
	control_request_fini(&r);

	assert_int_equal(parse("{\"command\":\"publish\",\"text\":\"x\"}", &r),
	    CONTROL_REQUEST_OK);
	assert_string_equal(r.user, "");
	control_request_fini(&r);

	assert_int_equal(parse("{\"command\":\"kick\",\"who\":\"alice\"}", &r),
	    CONTROL_REQUEST_OK);
	assert_string_equal(r.who, "alice");
	assert_string_equal(r.reason, "");
	control_request_fini(&r);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *line;
		enum control_request_err err;
	} bad[] = {
	    {"", CONTROL_REQUEST_JSON},
	    {"[]", CONTROL_REQUEST_JSON},
	    {"\"who\"", CONTROL_REQUEST_JSON},
	    {"{\"command\":\"who\"}{}", CONTROL_REQUEST_JSON},
	    {"{\"command\":\"who\",\"command\":\"drain\"}",
		CONTROL_REQUEST_JSON},
	    {"{\"command\":\"publish\",\"text\":\"\\u0000\"}",
		CONTROL_REQUEST_JSON},
	    {"{}", CONTROL_REQUEST_COMMAND},
	    {"{\"command\":1}", CONTROL_REQUEST_COMMAND},
	    {"{\"command\":\"whoo\"}", CONTROL_REQUEST_COMMAND},
	    {"{\"command\":\"publish\"}", CONTROL_REQUEST_FIELD},
	    {"{\"command\":\"publish\",\"text\":null}", CONTROL_REQUEST_FIELD},
	    {"{\"command\":\"publish\",\"text\":\"x\",\"user\":1}",
		CONTROL_REQUEST_FIELD},
	    {"{\"command\":\"publish\",\"text\":\"x\",\"user\":\"\"}",
		CONTROL_REQUEST_NAME},
	    {"{\"command\":\"publish\",\"text\":\"x\",\"user\":\"a\\\"b\"}",
		CONTROL_REQUEST_NAME},
	    {"{\"command\":\"publish\",\"text\":\" \\n\"}",
		CONTROL_REQUEST_EMPTY},
	    {"{\"command\":\"publish\",\"text\":\"a\\u001b\"}",
		CONTROL_REQUEST_CONTROL},
	    {"{\"command\":\"kick\"}", CONTROL_REQUEST_FIELD},
	    {"{\"command\":\"kick\",\"who\":\"\"}", CONTROL_REQUEST_FIELD},
	    {"{\"command\":\"kick\",\"who\":\"a\",\"reason\":2}",
		CONTROL_REQUEST_FIELD},
	    {"{\"command\":\"kick\",\"who\":\"a\",\"reason\":\"\\u0001\"}",
		CONTROL_REQUEST_CONTROL},
	};
	struct control_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].line, &r), bad[i].err);
		assert_true(strlen(control_request_strerror(bad[i].err)) > 5);
		control_request_fini(&r);
	}
}

static void
test_reason_length(void **state)
{
	char line[300];
	struct control_request r;

	(void)state;
	for (int n = 123; n <= 124; n++) {
		snprintf(line, sizeof(line),
		    "{\"command\":\"kick\",\"who\":\"a\",\"reason\":\"%0*d\"}",
		    n, 0);
		assert_int_equal(parse(line, &r),
		    n == 123 ? CONTROL_REQUEST_OK : CONTROL_REQUEST_REASON);
		control_request_fini(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_commands),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_reason_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
