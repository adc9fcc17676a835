/*
 * The hub over a transport in memory: what each client sees, in which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

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
	/* Gone and back before the turn is over. */
	b = join(f, "bob", HUB_PLAIN);
	gone(f, b);
	b = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	expect(a, "bob上线");
	expect(a, "bob下线~");
	expect(a, "bob上线");
	expect_nothing(a);
	expect(b, "bob上线");
	expect_nothing(b);
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
test_closed_is_no_reader(void **state)
{
	struct fake *f = *state;
	struct hub_stats stats;

	f->config.wsd.history_messages = 0;
	join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	hub_end_session(f->hub, fake_key('0'));
	assert_int_equal(b->conn.close_code, 4401);
	assert_int_equal(hub_notice(f->hub, "nobody reads", 12), 0);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.log_bytes, 0);
	assert_int_equal(stats.seq, 3);
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
	/* One that begins anew takes nothing along. */
	for (int i = 0; i < 2; i++)
		hub_receive(f->hub, a->client,
		    &(struct hub_fragment){
			.bytes = (const uint8_t *)"ab" + i,
			.n = 1,
			.is_first = true,
			.is_final = i == 1,
		    });
	/* Nothing is left of it for the next. */
	say(f, a, "whole");
	hub_flush(f->hub);
	expect(a, "alice-2026-01-02 03:04:05-说:in pieces");
	expect(a, "alice-2026-01-02 03:04:05-说:more");
	expect(a, "alice-2026-01-02 03:04:05-说:b");
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
	    FAKE_TEST(test_two_protocols),
	    FAKE_TEST(test_nothing_from_before_a_join),
	    FAKE_TEST(test_time_goes_on),
	    FAKE_TEST(test_html_lines),
	    FAKE_TEST(test_plain_text_is_cleaned),
	    FAKE_TEST(test_notice),
	    FAKE_TEST(test_errors),
	    FAKE_TEST(test_ref_is_said_once),
	    FAKE_TEST(test_presence),
	    FAKE_TEST(test_no_grace),
	    FAKE_TEST(test_no_encoding_without_readers),
	    FAKE_TEST(test_closed_is_no_reader),
	    FAKE_TEST(test_fragments),
	    FAKE_TEST(test_statistics),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
