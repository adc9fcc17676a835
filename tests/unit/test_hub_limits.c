/*
 * Who is silent, too long, unfinished or too fast.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

static void
test_pings(void **state)
{
	struct fake *f = *state;
	uint8_t first;
	size_t n, pings = 0;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "alice", HUB_PLAIN);
	struct person *c = join(f, "alice", HUB_PLAIN);

	f->config.wsd.slow_s = 0;
	hub_flush(f->hub);
	skip_all(a);
	skip_all(b);
	skip_all(c);
	for (int s = 1; s <= 200; s++) {
		clock_manual_advance(&f->clock, 1000);
		hub_tick(f->hub);
		hub_flush(f->hub);
		char *text = fake_frame(&a->conn, &first, &n);
		if (text != NULL) {
			assert_int_equal(first, 0x89);
			/* libwebsockets does not report an empty pong. */
			assert_in_range(n, 1, 125);
			free(text);
			pings++;
			hub_pong(a->client);
		}
		/* b answers nothing; c says something, which counts too. */
		if (s % 20 == 0 && c->conn.close_code == 0)
			say(f, c, " ");
		/* Two unanswered, and the third would be due. */
		if (s <= 50)
			assert_int_equal(b->conn.close_code, 0);
		if (s >= 75)
			assert_int_equal(b->conn.close_code, 1001);
	}
	assert_string_equal(b->conn.close_reason, "ping timeout");
	assert_int_equal(pings, 8);
	assert_int_equal(a->conn.close_code, 0);
	assert_int_equal(c->conn.close_code, 0);
}

static void
test_pings_are_spread(void **state)
{
	struct fake *f = *state;
	size_t busiest = 0, n;
	uint8_t first;

	for (int i = 0; i < 60; i++)
		join(f, "alice", HUB_PLAIN);
	hub_flush(f->hub);
	for (size_t i = 0; i < f->count; i++)
		skip_all(&f->people[i]);
	for (int s = 1; s <= 25; s++) {
		size_t pinged = 0;
		clock_manual_advance(&f->clock, 1000);
		hub_tick(f->hub);
		hub_flush(f->hub);
		for (size_t i = 0; i < f->count; i++) {
			struct person *p = &f->people[i];
			char *text = fake_frame(&p->conn, &first, &n);
			if (text != NULL && first == 0x89)
				pinged++;
			free(text);
			fake_fini(&p->conn);
		}
		if (pinged > busiest)
			busiest = pinged;
	}
	assert_in_range(busiest, 1, 6);
}

static void
test_too_long(void **state)
{
	struct fake *f = *state;
	char text[4097];

	memset(text, 't', sizeof(text));
	struct person *a = join(f, "alice", HUB_PLAIN);
	say_bytes(f, a, text, 4096);
	assert_int_equal(a->conn.close_code, 0);
	say_bytes(f, a, text, 4097);
	assert_int_equal(a->conn.close_code, 1009);
	/* Known from the header of the frame. */
	struct person *b = join(f, "bob", HUB_PLAIN);
	hub_receive(f->hub, b->client,
	    &(struct hub_fragment){
		.bytes = (const uint8_t *)text,
		.n = 1,
		.remaining = 4096,
		.is_first = true,
	    });
	assert_int_equal(b->conn.close_code, 1009);
	/* Over several frames. */
	struct person *c = join(f, "carol", HUB_PLAIN);
	for (int i = 0; i < 4; i++) {
		hub_receive(f->hub, c->client,
		    &(struct hub_fragment){
			.bytes = (const uint8_t *)text,
			.n = 1024,
			.is_first = i == 0,
		    });
		assert_int_equal(c->conn.close_code, 0);
	}
	hub_receive(f->hub, c->client,
	    &(struct hub_fragment){
		.bytes = (const uint8_t *)text,
		.n = 1,
		.is_final = true,
	    });
	assert_int_equal(c->conn.close_code, 1009);
	/* A length that would overflow. */
	struct person *d = join(f, "dave", HUB_PLAIN);
	hub_receive(f->hub, d->client,
	    &(struct hub_fragment){
		.bytes = (const uint8_t *)text,
		.n = 2,
		.remaining = SIZE_MAX - 1,
		.is_first = true,
	    });
	assert_int_equal(d->conn.close_code, 1009);
}

static void
test_too_long_text(void **state)
{
	struct fake *f = *state;
	char object[30000];
	uint8_t first;
	size_t n;
	struct person *a = join(f, "alice", HUB_GATECAST);

	hub_flush(f->hub);
	skip_all(a);
	/* Longest text, each byte an escape: taken. */
	size_t len = (size_t)snprintf(
	    object, sizeof(object), "{\"type\":\"send\",\"text\":\"");
	for (int i = 0; i < 4096; i++, len += 6)
		memcpy(object + len, "\\u0074", 6);
	memcpy(object + len, "\"}", 2);
	say_bytes(f, a, object, len + 2);
	hub_flush(f->hub);
	expect(a, "{\"type\":\"ack\",\"ref\":null,\"seq\":2}");
	char *text = fake_frame(&a->conn, &first, &n);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"text\":\"tttt"));
	free(text);
	/* One more byte: an error, and the connection stays. */
	memcpy(object + len, "t\"}", 3);
	say_bytes(f, a, object, len + 3);
	hub_flush(f->hub);
	expect(a,
	    "{\"type\":\"error\",\"ref\":null,\"code\":\"too_long\","
	    "\"detail\":\"ref or text is too long\"}");
	assert_int_equal(a->conn.close_code, 0);
	/* What cannot hold a good message at all. */
	say_bytes(f, a, object, 4096 * 6 + 512 + 1);
	assert_int_equal(a->conn.close_code, 1009);
}

static void
test_binary(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);

	hub_receive(f->hub, a->client,
	    &(struct hub_fragment){
		.bytes = (const uint8_t *)"x",
		.n = 1,
		.is_first = true,
		.is_final = true,
		.is_binary = true,
	    });
	assert_int_equal(a->conn.close_code, 1003);
}

static void
test_unfinished_message(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	const struct hub_fragment piece = {
	    .bytes = (const uint8_t *)"x",
	    .n = 1,
	    .remaining = 5,
	};
	struct hub_fragment first = piece;

	first.is_first = true;
	hub_receive(f->hub, a->client, &first);
	for (int i = 0; i < 5; i++) {
		pass_time(f, 2000);
		hub_receive(f->hub, a->client, &piece);
		assert_int_equal(a->conn.close_code, 0);
	}
	pass_time(f, 1);
	assert_int_equal(a->conn.close_code, 4408);
	assert_string_equal(a->conn.close_reason, "unfinished message");
}

static void
test_too_fast(void **state)
{
	struct fake *f = *state;
	struct person *a1 = join(f, "alice", HUB_GATECAST);
	struct person *a2 = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_GATECAST);

	f->config.wsd.user_rate = 2;
	f->config.wsd.user_burst = 3;
	hub_flush(f->hub);
	skip_all(a1);
	skip_all(a2);
	skip_all(b);
	/* One bucket for all her connections. */
	send_text(f, a1, "1");
	say(f, a2, "2");
	send_text(f, a1, "3");
	say(f, a1, "{\"type\":\"send\",\"ref\":\"r\",\"text\":\"4\"}");
	say(f, a2, "5");
	send_text(f, b, "6");
	hub_flush(f->hub);
	expect(a1, "{\"type\":\"ack\",\"ref\":null,\"seq\":3}");
	expect(a1, "{\"type\":\"ack\",\"ref\":null,\"seq\":5}");
	expect(a1,
	    "{\"type\":\"error\",\"ref\":\"r\",\"code\":\"too_fast\","
	    "\"detail\":\"too many messages\",\"retry_after_ms\":500}");
	expect(a2, "alice-2026-01-02 03:04:05-说:1");
	expect(a2, "alice-2026-01-02 03:04:05-说:2");
	expect(a2, "alice-2026-01-02 03:04:05-说:3");
	expect(a2, "bob-2026-01-02 03:04:05-说:6");
	expect_nothing(a2);
	/* When it said so, it is taken; the refused ref is not remembered. */
	clock_manual_advance(&f->clock, 500);
	skip_all(a1);
	say(f, a1, "{\"type\":\"send\",\"ref\":\"r\",\"text\":\"4\"}");
	hub_flush(f->hub);
	expect(a1, "{\"type\":\"ack\",\"ref\":\"r\",\"seq\":7}");
	assert_int_equal(a1->conn.close_code, 0);
}

static void
test_too_fast_now_and_then(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);

	f->config.wsd.user_rate = 1;
	f->config.wsd.user_burst = 1;
	for (int i = 0; i < 50; i++) {
		say(f, a, "taken");
		say(f, a, "refused");
		say(f, a, "refused");
		clock_manual_advance(&f->clock, 1000);
	}
	assert_int_equal(a->conn.close_code, 0);
}

static void
test_flood(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_GATECAST);

	f->config.wsd.user_rate = 1;
	f->config.wsd.user_burst = 3;
	for (int i = 0; i < 3 + 6; i++) {
		say(f, a, "x");
		send_text(f, b, "x");
	}
	assert_int_equal(a->conn.close_code, 0);
	assert_int_equal(b->conn.close_code, 0);
	say(f, a, "x");
	send_text(f, b, "x");
	assert_int_equal(a->conn.close_code, 4429);
	assert_int_equal(b->conn.close_code, 4429);
	/* Coming back does not fill the bucket. */
	gone(f, b);
	pass_time(f, 500);
	struct person *b2 = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	skip_all(b2);
	say(f, b2, "again");
	hub_flush(f->hub);
	expect_nothing(b2);
}

/* What is no message costs as much as one: a flood of it ends too. */
static void
test_too_fast_nonsense(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.user_rate = 1;
	f->config.wsd.user_burst = 1;
	hub_flush(f->hub);
	skip_all(a);
	say(f, a, "{");
	say(f, a, "{");
	hub_flush(f->hub);
	expect(a, ERROR("null", "bad_json", "not a JSON object"));
	expect(a,
	    "{\"type\":\"error\",\"ref\":null,\"code\":\"too_fast\","
	    "\"detail\":\"too many messages\",\"retry_after_ms\":1000}");
	say(f, a, "{");
	assert_int_equal(a->conn.close_code, 0);
	say(f, a, "{");
	assert_int_equal(a->conn.close_code, HUB_CLOSE_TOO_FAST);
}

/* It is owed an answer, fast or not; but not for ever. */
static void
test_said_again_counts(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.user_rate = 1;
	f->config.wsd.user_burst = 2;
	hub_flush(f->hub);
	skip_all(a);
	for (int i = 0; i < 2 + 4; i++) {
		say(f, a,
		    "{\"type\":\"send\",\"ref\":\"r\",\"text\":\"once\"}");
		hub_flush(f->hub);
		expect(a, "{\"type\":\"ack\",\"ref\":\"r\",\"seq\":2}");
		skip_all(a);
	}
	assert_int_equal(a->conn.close_code, 0);
	say(f, a, "{\"type\":\"send\",\"ref\":\"r\",\"text\":\"once\"}");
	assert_int_equal(a->conn.close_code, HUB_CLOSE_TOO_FAST);
}

static void
test_pings_count(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "alice", HUB_PLAIN);

	f->config.wsd.user_rate = 1;
	f->config.wsd.user_burst = 2;
	hub_flush(f->hub);
	skip_all(a);
	assert_true(hub_ping(f->hub, a->client));
	assert_true(hub_ping(f->hub, b->client));
	for (int i = 0; i < 4; i++)
		assert_false(hub_ping(f->hub, a->client));
	say(f, a, "too soon");
	assert_int_equal(a->conn.close_code, HUB_CLOSE_TOO_FAST);
	assert_false(hub_ping(f->hub, a->client));
	pass_time(f, 1000);
	assert_true(hub_ping(f->hub, b->client));
	hub_flush(f->hub);
	expect_nothing(a);
	expect_nothing(b);
}

static void
test_history_counts(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.user_rate = 1;
	f->config.wsd.user_burst = 2;
	hub_flush(f->hub);
	skip_all(a);
	for (int i = 0; i < 3; i++)
		say(f, a, "{\"type\":\"history\",\"before\":1,\"limit\":1}");
	hub_flush(f->hub);
	for (int i = 0; i < 2; i++)
		expect(a,
		    "{\"type\":\"history\",\"messages\":[],"
		    "\"more\":false}");
	expect(a,
	    "{\"type\":\"error\",\"ref\":null,\"code\":\"too_fast\","
	    "\"detail\":\"too many messages\",\"retry_after_ms\":1000}");
	for (int i = 0; i < 4; i++)
		say(f, a, "{\"type\":\"history\",\"before\":1,\"limit\":1}");
	assert_int_equal(a->conn.close_code, HUB_CLOSE_TOO_FAST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_pings),
	    FAKE_TEST(test_pings_are_spread),
	    FAKE_TEST(test_too_long),
	    FAKE_TEST(test_too_long_text),
	    FAKE_TEST(test_binary),
	    FAKE_TEST(test_unfinished_message),
	    FAKE_TEST(test_too_fast),
	    FAKE_TEST(test_too_fast_now_and_then),
	    FAKE_TEST(test_too_fast_nonsense),
	    FAKE_TEST(test_flood),
	    FAKE_TEST(test_said_again_counts),
	    FAKE_TEST(test_history_counts),
	    FAKE_TEST(test_pings_count),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
