/*
 * What is kept: asked for, and resumed from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

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
	static const struct {
		const char *ask, *answer;
	} cases[] = {
	    {"",
		MESSAGE("2", "alice", "one") "," NOTICE("4", "two") "," MESSAGE(
		    "5", "alice", "three") "],\"more\":false}"},
	    {",\"limit\":2",
		NOTICE("4", "two") "," MESSAGE(
		    "5", "alice", "three") "],\"more\":true}"},
	    {",\"before\":5,\"limit\":1",
		NOTICE("4", "two") "],\"more\":true}"},
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
	can_write(f, b);
	for (int i = 0; i < 10; i++)
		can_write(f, b);
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
	expect_no_history(f, b);
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
	expect_no_history(f, a);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_history),
	    FAKE_TEST(test_history_is_bounded),
	    FAKE_TEST(test_history_by_age),
	    FAKE_TEST(test_resume),
	    FAKE_TEST(test_resume_with_gap),
	    FAKE_TEST(test_resume_refused),
	    FAKE_TEST(test_resume_after_all_were_gone),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
