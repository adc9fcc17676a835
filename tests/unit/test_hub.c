/*
 * The hub over a transport in memory: what each client sees, in which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

#define TIME "2026-01-02T03:04:05.678Z"
#define HELLO(user, seq, resumed, online)                              \
	"{\"type\":\"hello\",\"user\":\"" user "\",\"epoch\":\"e0c\"," \
	"\"seq\":" seq ",\"resumed\":" resumed ",\"ping_s\":25,"       \
	"\"message_bytes\":4096,\"online\":[" online "]}"
#define ONLINE(user) "{\"user\":\"" user "\",\"since\":\"" TIME "\"}"
#define EVENT(type, seq, user)                                    \
	"{\"type\":\"" type "\",\"seq\":" seq ",\"user\":\"" user \
	"\",\"time\":\"" TIME "\""
#define JOIN(seq, user) EVENT("join", seq, user) "}"
#define LEAVE_AT(seq, user, time)                              \
	"{\"type\":\"leave\",\"seq\":" seq ",\"user\":\"" user \
	"\",\"time\":\"" time "\"}"
#define MESSAGE(seq, user, text) \
	EVENT("message", seq, user) ",\"text\":\"" text "\"}"
#define ERROR(ref, code, detail)                               \
	"{\"type\":\"error\",\"ref\":" ref ",\"code\":\"" code \
	"\",\"detail\":\"" detail "\"}"

static void
test_two_protocols(void **state)
{
	struct fake *f = *state;

	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_PLAIN);
	say(f, a,
	    "{\"type\":\"send\",\"ref\":\"r1\",\"text\":\"hi \\\"you\\\"\"}");
	say(f, b, "hello");
	assert_true(hub_is_dirty(f->hub));
	assert_int_equal(a->conn.writes + b->conn.writes, 0);
	hub_flush(f->hub);
	assert_false(hub_is_dirty(f->hub));
	expect(a, HELLO("alice", "0", "false", ONLINE("alice")));
	expect(a, "{\"type\":\"ack\",\"ref\":\"r1\",\"seq\":3}");
	expect(a, JOIN("1", "alice"));
	expect(a, JOIN("2", "bob"));
	expect(a, MESSAGE("3", "alice", "hi \\\"you\\\""));
	expect(a, MESSAGE("4", "bob", "hello"));
	expect_nothing(a);
	expect(b, "bob\xe4\xb8\x8a\xe7\xba\xbf");
	expect(b, "alice-2026-01-02 03:04:05-\xe8\xaf\xb4:hi \"you\"");
	expect(b, "bob-2026-01-02 03:04:05-\xe8\xaf\xb4:hello");
	expect_nothing(b);
	/* Everything pending in one write, queue and stream together. */
	assert_int_equal(a->conn.writes, 1);
	assert_int_equal(b->conn.writes, 1);
}

static void
test_nothing_from_before_a_join(void **state)
{
	struct fake *f = *state;

	struct person *a = join(f, "alice", HUB_GATECAST);
	send_text(f, a, "before");
	struct person *b = join(f, "bob", HUB_GATECAST);
	struct person *c = join(f, "carol", HUB_PLAIN);
	hub_flush(f->hub);
	expect(
	    b, HELLO("bob", "2", "false", ONLINE("alice") "," ONLINE("bob")));
	expect(b, JOIN("3", "bob"));
	expect(b, JOIN("4", "carol"));
	expect_nothing(b);
	expect(c, "carol上线");
	expect_nothing(c);
}

static void
test_time_goes_on(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "alice", HUB_PLAIN);

	hub_flush(f->hub);
	skip_all(a);
	/* Within the second, and over midnight. */
	clock_manual_advance(&f->clock, 5);
	send_text(f, a, "1");
	clock_manual_advance(&f->clock, 20 * 3600 * 1000 + 3600 * 1000);
	send_text(f, a, "2");
	hub_flush(f->hub);
	expect(a, "{\"type\":\"ack\",\"ref\":null,\"seq\":2}");
	expect(a, "{\"type\":\"ack\",\"ref\":null,\"seq\":3}");
	expect(a,
	    "{\"type\":\"message\",\"seq\":2,\"user\":\"alice\","
	    "\"time\":\"2026-01-02T03:04:05.683Z\",\"text\":\"1\"}");
	expect(a,
	    "{\"type\":\"message\",\"seq\":3,\"user\":\"alice\","
	    "\"time\":\"2026-01-03T00:04:05.683Z\",\"text\":\"2\"}");
	expect(b, "alice-2026-01-02 03:04:05-说:1");
	expect(b, "alice-2026-01-03 00:04:05-说:2");
}

static void
test_html_lines(void **state)
{
	struct fake *f = *state;

	f->config.wsd.plain_lines = CONFIG_PLAIN_HTML;
	struct person *a = join(f, "alice", HUB_PLAIN);
	say(f, a, "<script>alert(1)</script>");
	assert_int_equal(hub_notice(f->hub, "a & b", 5), 0);
	hub_flush(f->hub);
	expect(a, "alice上线");
	expect(a,
	    "alice-2026-01-02 03:04:05-说:"
	    "&lt;script&gt;alert(1)&lt;/script&gt;");
	expect(a, "a &amp; b");
}

static void
test_plain_text_is_cleaned(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);

	say(f, a, "a\r\n\tb\x1b[0m");
	say(f, a, "");
	say(f, a, " \r\n");
	say(f, a, "\x01\x02");
	hub_flush(f->hub);
	expect(a, "alice上线");
	expect(a, "alice-2026-01-02 03:04:05-说:a\n\tb[0m");
	expect_nothing(a);
}

static void
test_notice(void **state)
{
	struct fake *f = *state;
	char long_text[4097];
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_PLAIN);

	hub_flush(f->hub);
	skip_all(a);
	skip_all(b);
	memset(long_text, 'n', sizeof(long_text));
	assert_int_equal(hub_notice(f->hub, "", 0), -1);
	assert_int_equal(hub_notice(f->hub, " \n", 2), -1);
	assert_int_equal(hub_notice(f->hub, long_text, 4097), -1);
	assert_int_equal(hub_notice(f->hub, "back at 5", 9), 0);
	hub_flush(f->hub);
	expect(a,
	    "{\"type\":\"notice\",\"seq\":3,\"time\":\"" TIME
	    "\",\"text\":\"back at 5\"}");
	expect(b, "back at 5");
	assert_int_equal(hub_notice(f->hub, long_text, 4096), 0);
}

static void
test_errors(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	hub_flush(f->hub);
	skip_all(a);
	say(f, a, "hello");
	say(f, a, "{\"type\":\"shout\",\"ref\":\"r\"}");
	say(f, a, "{\"type\":\"send\",\"ref\":\"r\"}");
	say(f, a, "{\"type\":\"send\",\"ref\":\"r\",\"text\":\" \"}");
	hub_flush(f->hub);
	expect(a, ERROR("null", "bad_json", "not a JSON object"));
	expect(a,
	    ERROR("\"r\"", "bad_type",
		"type must be \\\"send\\\" or \\\"history\\\""));
	expect(a,
	    ERROR("\"r\"", "bad_field",
		"a field is missing, of the wrong type, or has a control "
		"character"));
	expect(a, ERROR("\"r\"", "empty", "there is nothing in the text"));
	expect_nothing(a);
	assert_int_equal(a->conn.close_code, 0);
}

static void
test_ref_is_said_once(void **state)
{
	struct fake *f = *state;
	static const char send[] =
	    "{\"type\":\"send\",\"ref\":\"r1\",\"text\":\"once\"}";
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);

	say(f, a, send);
	say(f, a, send);
	/* Another connection of the same user; another user is another. */
	gone(f, a);
	struct person *a2 = join(f, "alice", HUB_GATECAST);
	say(f, a2, send);
	say(f, b, send);
	hub_flush(f->hub);
	expect(a2,
	    HELLO("alice", "3", "false", ONLINE("alice") "," ONLINE("bob")));
	expect(a2, "{\"type\":\"ack\",\"ref\":\"r1\",\"seq\":3}");
	expect(a2, MESSAGE("4", "bob", "once"));
	expect_nothing(a2);
	expect(
	    b, HELLO("bob", "1", "false", ONLINE("alice") "," ONLINE("bob")));
	expect(b, "{\"type\":\"ack\",\"ref\":\"r1\",\"seq\":4}");
	expect(b, JOIN("2", "bob"));
	expect(b, MESSAGE("3", "alice", "once"));
	expect(b, MESSAGE("4", "bob", "once"));
	expect_nothing(b);
}

static void
test_presence(void **state)
{
	struct fake *f = *state;
	struct person *w = join(f, "watcher", HUB_GATECAST);
	struct person *p = join(f, "watcher2", HUB_PLAIN);

	hub_flush(f->hub);
	skip_all(w);
	skip_all(p);
	struct person *a1 = join(f, "alice", HUB_GATECAST);
	struct person *a2 = join(f, "alice", HUB_GATECAST);
	hub_flush(f->hub);
	expect(w, JOIN("3", "alice"));
	expect_nothing(w);
	gone(f, a1);
	clock_manual_advance(&f->clock, 60000);
	hub_tick(f->hub);
	hub_flush(f->hub);
	/* Only pings, and her other connection is there. */
	skip_all(w);
	skip_all(p);
	gone(f, a2);
	clock_manual_advance(&f->clock, 4999);
	hub_tick(f->hub);
	/* Back within the grace. */
	struct person *a3 = join(f, "alice", HUB_GATECAST);
	clock_manual_advance(&f->clock, 6000);
	hub_tick(f->hub);
	hub_flush(f->hub);
	expect_nothing(w);
	gone(f, a3);
	clock_manual_advance(&f->clock, 5000);
	hub_tick(f->hub);
	hub_flush(f->hub);
	expect(w, LEAVE_AT("4", "alice", "2026-01-02T03:05:21.677Z"));
	expect(p, "alice下线~");
	expect_nothing(w);
	/* The list says so, too. */
	struct person *b = join(f, "bob", HUB_GATECAST);
	hub_flush(f->hub);
	expect(b,
	    HELLO("bob", "4", "false",
		ONLINE("watcher") "," ONLINE(
		    "watcher2") ","
				"{\"user\":\"bob\",\"since\":\"2026-01-02T03:"
				"05:21.677Z\"}"));
}

static void
test_no_grace(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);

	f->config.wsd.leave_grace_s = 0;
	gone(f, b);
	hub_flush(f->hub);
	expect(a, "alice上线");
	expect(a, "bob上线");
	expect(a, "bob下线~");
}

static void
test_no_encoding_without_readers(void **state)
{
	struct fake *f = *state;
	struct hub_stats stats;

	f->config.wsd.history_messages = 0;
	struct person *a = join(f, "alice", HUB_PLAIN);
	hub_flush(f->hub);
	say(f, a, "one");
	hub_get_stats(f->hub, &stats);
	size_t line = strlen("alice-2026-01-02 03:04:05-说:one");
	assert_int_equal(stats.log_bytes, line + 2);
	hub_flush(f->hub);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.log_bytes, 0);
	assert_int_equal(stats.seq, 2);
	/* The next of the other encoding still sees one sequence. */
	struct person *b = join(f, "bob", HUB_GATECAST);
	say(f, a, "two");
	gone(f, a);
	send_text(f, b, "three");
	hub_flush(f->hub);
	expect(
	    b, HELLO("bob", "2", "false", ONLINE("alice") "," ONLINE("bob")));
	expect(b, "{\"type\":\"ack\",\"ref\":null,\"seq\":5}");
	expect(b, JOIN("3", "bob"));
	expect(b, MESSAGE("4", "alice", "two"));
	expect(b, MESSAGE("5", "bob", "three"));
	expect_nothing(b);
}

static void
test_history(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	send_text(f, a, "one");
	join(f, "bob", HUB_GATECAST);
	assert_int_equal(hub_notice(f->hub, "two", 3), 0);
	send_text(f, a, "three");
	hub_flush(f->hub);
	skip_all(a);
#define NOTICE4                                                          \
	"{\"type\":\"notice\",\"seq\":4,\"time\":\"" TIME "\",\"text\":" \
							  "\"two\"}"
	static const struct {
		const char *ask, *answer;
	} cases[] = {
	    {"",
		MESSAGE("2", "alice", "one") "," NOTICE4 "," MESSAGE(
		    "5", "alice", "three") "],\"more\":false}"},
	    {",\"limit\":2",
		NOTICE4 "," MESSAGE("5", "alice", "three") "],\"more\":true}"},
	    {",\"before\":5,\"limit\":1", NOTICE4 "],\"more\":true}"},
	    {",\"before\":4", MESSAGE("2", "alice", "one") "],\"more\":false}"},
	    {",\"before\":3,\"limit\":1",
		MESSAGE("2", "alice", "one") "],\"more\":false}"},
	    {",\"before\":2", "],\"more\":false}"},
	    {",\"before\":0", "],\"more\":false}"},
	    {",\"before\":9000000000000000000,\"limit\":1",
		MESSAGE("5", "alice", "three") "],\"more\":true}"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "{\"type\":\"history\"%s}",
		    cases[i].ask);
		say(f, a, text);
		snprintf(text, sizeof(text), "{\"type\":\"history\"%s}", "");
		hub_flush(f->hub);
		char expected[1024];
		snprintf(expected, sizeof(expected),
		    "{\"type\":\"history\",\"messages\":[%s", cases[i].answer);
		expect(a, expected);
	}
}

static void
test_history_is_bounded(void **state)
{
	struct fake *f = *state;
	char text[2100];
	uint8_t first;
	size_t n;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_GATECAST);

	f->config.wsd.history_messages = 1000;
	memset(text, 't', 2000);
	for (int i = 0; i < 100; i++)
		say_bytes(f, a, text, 2000);
	hub_flush(f->hub);
	hub_writable(f->hub, b->client);
	for (int i = 0; i < 10; i++)
		hub_writable(f->hub, b->client);
	skip_all(b);
	say(f, b, "{\"type\":\"history\",\"limit\":200}");
	hub_flush(f->hub);
	char *answer = fake_frame(&b->conn, &first, &n);
	assert_non_null(answer);
	assert_in_range(n, 45000, 49152 + 512);
	assert_non_null(strstr(answer + n - 20, "\"more\":true}"));
	assert_non_null(strstr(answer, "\"seq\":102,"));
	assert_null(strstr(answer, "\"seq\":60,"));
	free(answer);
	/* None is kept. */
	f->config.wsd.history_messages = 0;
	hub_tick(f->hub);
	say(f, b, "{\"type\":\"history\"}");
	hub_flush(f->hub);
	expect(b, "{\"type\":\"history\",\"messages\":[],\"more\":false}");
}

static void
test_history_by_age(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.history_age_s = 10;
	send_text(f, a, "old");
	clock_manual_advance(&f->clock, 10001);
	hub_tick(f->hub);
	hub_flush(f->hub);
	skip_all(a);
	say(f, a, "{\"type\":\"history\"}");
	hub_flush(f->hub);
	expect(a, "{\"type\":\"history\",\"messages\":[],\"more\":false}");
}

static void
test_resume(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	send_text(f, a, "one");
	send_text(f, a, "two");
	struct person *b = resume(f, "alice", FAKE_EPOCH, 2);
	send_text(f, a, "three");
	hub_flush(f->hub);
	expect(b, HELLO("alice", "2", "true", ONLINE("alice")));
	expect(b, MESSAGE("3", "alice", "two"));
	expect(b, MESSAGE("4", "alice", "three"));
	expect_nothing(b);
	/* From the beginning, and with nothing missed. */
	struct person *c = resume(f, "carol", FAKE_EPOCH, 0);
	struct person *d = resume(f, "carol", FAKE_EPOCH, 5);
	hub_flush(f->hub);
	expect(c,
	    HELLO("carol", "0", "true", ONLINE("alice") "," ONLINE("carol")));
	expect(c, JOIN("1", "alice"));
	expect(c, MESSAGE("2", "alice", "one"));
	expect(c, MESSAGE("3", "alice", "two"));
	expect(c, MESSAGE("4", "alice", "three"));
	expect(c, JOIN("5", "carol"));
	expect_nothing(c);
	expect(d,
	    HELLO("carol", "5", "true", ONLINE("alice") "," ONLINE("carol")));
	expect_nothing(d);
}

static void
test_resume_with_gap(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.history_messages = 2;
	for (int i = 0; i < 8; i++)
		send_text(f, a, "x");
	hub_flush(f->hub);
	struct person *b = resume(f, "alice", FAKE_EPOCH, 3);
	struct person *c = resume(f, "alice", FAKE_EPOCH, 7);
	hub_flush(f->hub);
	expect(b, HELLO("alice", "3", "true", ONLINE("alice")));
	expect(b, "{\"type\":\"gap\",\"from\":4,\"to\":7}");
	expect(b, MESSAGE("8", "alice", "x"));
	expect(b, MESSAGE("9", "alice", "x"));
	expect_nothing(b);
	expect(c, HELLO("alice", "7", "true", ONLINE("alice")));
	expect(c, MESSAGE("8", "alice", "x"));
	/* Nothing kept at all. */
	f->config.wsd.history_messages = 0;
	send_text(f, a, "y");
	struct person *d = resume(f, "alice", FAKE_EPOCH, 9);
	struct person *e = resume(f, "alice", FAKE_EPOCH, 10);
	send_text(f, a, "z");
	hub_flush(f->hub);
	expect(d, HELLO("alice", "9", "true", ONLINE("alice")));
	expect(d, "{\"type\":\"gap\",\"from\":10,\"to\":10}");
	expect(d, MESSAGE("11", "alice", "z"));
	expect_nothing(d);
	expect(e, HELLO("alice", "10", "true", ONLINE("alice")));
	expect(e, MESSAGE("11", "alice", "z"));
	expect_nothing(e);
}

static void
test_resume_refused(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	send_text(f, a, "one");
	struct person *b = resume(f, "alice", FAKE_EPOCH + 1, 1);
	struct person *c = resume(f, "alice", FAKE_EPOCH, 3);
	struct person *d = resume(f, "alice", FAKE_EPOCH, UINT64_MAX);
	hub_flush(f->hub);
	expect(b, HELLO("alice", "2", "false", ONLINE("alice")));
	expect_nothing(b);
	expect(c, HELLO("alice", "2", "false", ONLINE("alice")));
	expect_nothing(c);
	expect(d, HELLO("alice", "2", "false", ONLINE("alice")));
	expect_nothing(d);
}

static void
test_resume_after_all_were_gone(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *p = join(f, "bob", HUB_PLAIN);

	gone(f, a);
	say(f, p, "alone");
	clock_manual_advance(&f->clock, 5000);
	hub_tick(f->hub);
	hub_flush(f->hub);
	struct person *b = resume(f, "alice", FAKE_EPOCH, 2);
	hub_flush(f->hub);
	expect(b,
	    HELLO("alice", "2", "true",
		ONLINE("bob") ",{\"user\":\"alice\","
			      "\"since\":\"2026-01-02T03:04:10.678Z\"}"));
	expect(b, MESSAGE("3", "bob", "alone"));
	expect(b, LEAVE_AT("4", "alice", "2026-01-02T03:04:10.678Z"));
	expect(b,
	    "{\"type\":\"join\",\"seq\":5,\"user\":\"alice\","
	    "\"time\":\"2026-01-02T03:04:10.678Z\"}");
	expect_nothing(b);
}

static void
test_fragments(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	static const char text[] = "in pieces";

	hub_flush(f->hub);
	skip_all(a);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		hub_receive(f->hub, a->client,
		    &(struct hub_fragment){
			.bytes = (const uint8_t *)text + i,
			.n = 1,
			.remaining = sizeof(text) - 2 - i,
			.is_first = i == 0,
			.is_final = i == sizeof(text) - 2,
		    });
	/* A last fragment may be empty. */
	hub_receive(f->hub, a->client,
	    &(struct hub_fragment){
		.bytes = (const uint8_t *)"more",
		.n = 4,
		.is_first = true,
	    });
	hub_receive(
	    f->hub, a->client, &(struct hub_fragment){.is_final = true});
	/* Nothing is left of it for the next. */
	say(f, a, "whole");
	hub_flush(f->hub);
	expect(a, "alice-2026-01-02 03:04:05-说:in pieces");
	expect(a, "alice-2026-01-02 03:04:05-说:more");
	expect(a, "alice-2026-01-02 03:04:05-说:whole");
	expect_nothing(a);
}

static void
test_statistics(void **state)
{
	struct fake *f = *state;
	struct hub_stats stats;
	struct person *a = join(f, "alice", HUB_GATECAST);

	join(f, "alice", HUB_PLAIN);
	join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	send_text(f, a, "x");
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.connections, 3);
	assert_int_equal(stats.users, 2);
	assert_int_equal(stats.seq, 3);
	assert_int_equal(stats.messages, 1);
	assert_int_equal(stats.writes, 3);
	/* Two joins to alice, one to each other. */
	assert_int_equal(stats.deliveries, 4);
	assert_int_equal(stats.queued_bytes,
	    2 + strlen("{\"type\":\"ack\",\"ref\":null,\"seq\":3}"));
	hub_flush(f->hub);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.deliveries, 7);
	assert_int_equal(stats.writes, 6);
	assert_int_equal(stats.queued_bytes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_two_protocols, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_nothing_from_before_a_join, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_time_goes_on, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_html_lines, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_plain_text_is_cleaned, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_notice, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_errors, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_ref_is_said_once, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_presence, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_grace, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_encoding_without_readers, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_history, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_history_is_bounded, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_history_by_age, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_resume, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_resume_with_gap, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_resume_refused, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_resume_after_all_were_gone, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_fragments, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_statistics, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
