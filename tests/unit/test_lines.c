/*
 * Plain text lines, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/lines.h"

#include <string.h>

static struct protocol_event
event(enum protocol_event_type type, const char *user, const char *text)
{
	return (struct protocol_event){
	    .type = type,
	    .seq = 1,
	    .user = user,
	    .user_bytes = strlen(user),
	    .text = text,
	    .text_bytes = strlen(text),
	};
}

static void
check(enum protocol_event_type type, const char *user, const char *text,
    bool is_html, const char *expected)
{
	struct protocol_event e = event(type, user, text);
	struct buf b = BUF_INIT;

	lines_event(&b, &e, "2026-01-02 03:04:05", is_html);
	assert_false(b.has_failed);
	assert_string_equal(buf_str(&b), expected);
	buf_fini(&b);
}

static void
test_raw(void **state)
{
	(void)state;
	check(
	    PROTOCOL_JOIN, "alice", "", false, "alice\xe4\xb8\x8a\xe7\xba\xbf");
	check(PROTOCOL_LEAVE, "alice", "", false,
	    "alice\xe4\xb8\x8b\xe7\xba\xbf~");
	check(PROTOCOL_MESSAGE, "alice", "<b>&\"'", false,
	    "alice-2026-01-02 03:04:05-\xe8\xaf\xb4:<b>&\"'");
	check(PROTOCOL_NOTICE, "", "back at <5>", false, "back at <5>");
}

static void
test_html(void **state)
{
	(void)state;
	check(PROTOCOL_MESSAGE, "a&b", "<b>&\"'上</b>", true,
	    "a&amp;b-2026-01-02 03:04:05-说:"
	    "&lt;b&gt;&amp;&quot;&#39;上&lt;/b&gt;");
	check(PROTOCOL_JOIN, "<i>", "", true, "&lt;i&gt;上线");
	check(PROTOCOL_LEAVE, "'", "", true, "&#39;下线~");
	check(PROTOCOL_NOTICE, "", "a<b", true, "a&lt;b");
}

static void
test_clean(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	lines_clean(&b,
	    "\x01"
	    "a\r\nb\tc\0d\x1b\x7f",
	    11);
	assert_string_equal(buf_str(&b), "a\nb\tcd\x7f");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_raw),
	    cmocka_unit_test(test_html),
	    cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
