/*
 * Readers that are slow, busy, gone or silent, and writers that are too fast or
 * too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

static void
fill(struct fake *f, struct person *from, size_t messages, size_t bytes)
{
	char text[4096];

	memset(text, 't', sizeof(text));
	for (size_t i = 0; i < messages; i++)
		say_bytes(f, from, text, bytes);
}

static void
test_busy_waits(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);

	hub_flush(f->hub);
	skip_all(a);
	skip_all(b);
	b->conn.is_busy = true;
	say(f, a, "1");
	hub_flush(f->hub);
	say(f, a, "2");
	hub_flush(f->hub);
	/* Asked once, and nobody else waits for it. */
	assert_int_equal(b->conn.wants, 1);
	expect(a, "alice-2026-01-02 03:04:05-说:1");
	expect(a, "alice-2026-01-02 03:04:05-说:2");
	expect_nothing(b);
	/* A spurious one: still busy, so asked again. */
	hub_writable(f->hub, b->client);
	assert_int_equal(b->conn.wants, 2);
	b->conn.is_busy = false;
	hub_writable(f->hub, b->client);
	expect(b, "alice-2026-01-02 03:04:05-说:1");
	expect(b, "alice-2026-01-02 03:04:05-说:2");
	assert_int_equal(b->conn.wants, 2);
	hub_writable(f->hub, b->client);
	expect_nothing(b);
}

static void
test_no_want_without_need(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);

	/* Takes each write and is busy with it, but nothing more comes. */
	b->conn.is_partial = true;
	hub_flush(f->hub);
	assert_int_equal(b->conn.writes, 1);
	assert_int_equal(b->conn.wants, 0);
	say(f, a, "1");
	hub_flush(f->hub);
	assert_int_equal(b->conn.writes, 1);
	assert_int_equal(b->conn.wants, 1);
}

static void
test_refused_write_is_tried_again(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	a->conn.is_lying = true;
	hub_flush(f->hub);
	assert_int_equal(a->conn.wants, 1);
	assert_int_equal(a->conn.bytes.len, 0);
	a->conn.is_lying = false;
	hub_writable(f->hub, a->client);
	assert_true(a->conn.bytes.len > 0);
	/* A drain does not spin on it. */
	a->conn.is_lying = true;
	send_text(f, a, "x");
	hub_drain(f->hub, HUB_CLOSE_GOING_AWAY, "bye");
	assert_int_equal(a->conn.close_code, 1001);
}

static void
test_writes_are_cut_at_frames(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);
	uint8_t first;
	size_t n, frames = 0;

	hub_flush(f->hub);
	skip_all(b);
	b->conn.is_busy = true;
	b->conn.is_partial = true;
	fill(f, a, 100, 1000);
	hub_flush(f->hub);
	b->conn.writes = 0;
	/* Each time it can take more: one write. */
	for (int i = 0; b->conn.writes < 4; i++) {
		assert_true(i < 10);
		b->conn.is_busy = false;
		hub_writable(f->hub, b->client);
		char *text;
		while ((text = fake_frame(&b->conn, &first, &n)) != NULL) {
			assert_true(n > 1000);
			frames++;
			free(text);
		}
	}
	assert_int_equal(frames, 100);
	assert_in_range(b->conn.longest_write, 31000, TRANSPORT_WRITE_MAX);
}

static void
test_long_frame_goes_alone(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	char *text = malloc(60000);
	uint8_t first;
	size_t n;

	assert_non_null(text);
	memset(text, 't', 60000);
	f->config.wsd.message_bytes = 65536;
	hub_flush(f->hub);
	skip_all(a);
	say(f, a, "short");
	say_bytes(f, a, text, 60000);
	say(f, a, "short");
	hub_flush(f->hub);
	hub_writable(f->hub, a->client);
	hub_writable(f->hub, a->client);
	static const size_t lengths[] = {5, 60000, 5};
	for (size_t i = 0; i < 3; i++) {
		char *line = fake_frame(&a->conn, &first, &n);
		assert_non_null(line);
		assert_int_equal(
		    n, strlen("alice-2026-01-02 03:04:05-说:") + lengths[i]);
		free(line);
	}
	expect_nothing(a);
	free(text);
}

static void
test_too_many_bytes_behind(void **state)
{
	struct fake *f = *state;
	struct hub_stats stats;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);

	f->config.wsd.slow_bytes = 10000;
	f->config.wsd.history_messages = 0;
	hub_flush(f->hub);
	b->conn.is_busy = true;
	size_t line = 4 + strlen("alice-2026-01-02 03:04:05-说:") + 1000;
	fill(f, a, 10000 / line, 1000);
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 0);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.log_bytes, 10000 / line * line);
	fill(f, a, 1, 1000);
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 4408);
	/* Nobody needs it any more. */
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.slow_closed, 1);
	assert_int_equal(stats.log_bytes, 0);
	/* Closed is closed: no writes, wants or closes any more. */
	size_t wants = b->conn.wants;
	b->conn.is_busy = false;
	fill(f, a, 100, 1000);
	say(f, b, "still here?");
	hub_flush(f->hub);
	hub_writable(f->hub, b->client);
	hub_tick(f->hub);
	assert_int_equal(b->conn.wants, wants);
	assert_int_equal(b->conn.closes, 1);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.connections, 2);
}

static void
test_too_long_behind(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);

	hub_flush(f->hub);
	b->conn.is_busy = true;
	say(f, a, "1");
	hub_flush(f->hub);
	pass_time(f, 9000);
	say(f, a, "2");
	hub_flush(f->hub);
	pass_time(f, 1000);
	assert_int_equal(b->conn.close_code, 0);
	/* It gets the first, so the second counts. */
	b->conn.is_busy = false;
	hub_writable(f->hub, b->client);
	b->conn.is_busy = true;
	say(f, a, "3");
	hub_flush(f->hub);
	pass_time(f, 10000);
	assert_int_equal(b->conn.close_code, 0);
	pass_time(f, 1);
	assert_int_equal(b->conn.close_code, 4408);
	assert_int_equal(a->conn.close_code, 0);
}

static void
test_our_own_stall(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);

	hub_flush(f->hub);
	b->conn.is_busy = true;
	say(f, a, "1");
	hub_flush(f->hub);
	hub_tick(f->hub);
	/* Suspended for a minute: it could not have taken anything. */
	clock_manual_advance(&f->clock, 60000);
	hub_tick(f->hub);
	assert_int_equal(b->conn.close_code, 0);
	pass_time(f, 1000);
	assert_int_equal(b->conn.close_code, 4408);
	/* Not flushed is not slow. */
	say(f, a, "2");
	pass_time(f, 20000);
	assert_int_equal(a->conn.close_code, 0);
}

static void
test_answers_unread(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	hub_flush(f->hub);
	a->conn.is_busy = true;
	say(f, a, "nonsense");
	hub_flush(f->hub);
	/* The queue's age counts from the tick that saw it. */
	hub_tick(f->hub);
	pass_time(f, 10000);
	assert_int_equal(a->conn.close_code, 0);
	pass_time(f, 1);
	assert_int_equal(a->conn.close_code, 4408);
}

static void
test_queue_is_bounded(void **state)
{
	struct fake *f = *state;
	struct hub_stats stats;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);
	int n = 0;

	hub_flush(f->hub);
	/* One who reads gets all, without a flush in between. */
	for (int i = 0; i < 5000; i++)
		say(f, a, "nonsense");
	assert_int_equal(a->conn.close_code, 0);
	hub_get_stats(f->hub, &stats);
	assert_in_range(stats.queued_bytes, 1, 65536);
	b->conn.is_busy = true;
	while (b->conn.close_code == 0 && n++ < 5000)
		say(f, b, "nonsense");
	assert_int_equal(b->conn.close_code, 4408);
	assert_in_range(n, 800, 1000);
	hub_flush(f->hub);
	hub_get_stats(f->hub, &stats);
	assert_in_range(stats.queued_bytes, 0, 65536);
	for (int i = 0; i < 10; i++)
		hub_writable(f->hub, a->client);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.queued_bytes, 0);
}

static void
test_resuming_is_not_slow(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);

	f->config.wsd.slow_bytes = 10000;
	f->config.wsd.history_messages = 1000;
	hub_flush(f->hub);
	for (int i = 0; i < 20; i++) {
		fill(f, a, 5, 1000);
		hub_flush(f->hub);
	}
	clock_manual_advance(&f->clock, 60000);
	struct person *b = resume(f, "bob", FAKE_EPOCH, 1);
	b->conn.is_busy = true;
	hub_flush(f->hub);
	hub_tick(f->hub);
	assert_int_equal(b->conn.close_code, 0);
	/* What has come since it joined does count. */
	fill(f, a, 8, 1000);
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 0);
	pass_time(f, 10000);
	assert_int_equal(b->conn.close_code, 0);
	fill(f, a, 2, 1000);
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 4408);
	/* And so does the time, from its join on. */
	struct person *c = resume(f, "carol", FAKE_EPOCH, 1);
	c->conn.is_busy = true;
	hub_flush(f->hub);
	pass_time(f, 10001);
	assert_int_equal(c->conn.close_code, 4408);
}

static void
test_held_for_a_slow_reader(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_GATECAST);
	uint8_t first;
	size_t n;

	/* No history, and yet no hole for one who is behind. */
	f->config.wsd.history_messages = 0;
	hub_flush(f->hub);
	skip_all(b);
	b->conn.is_busy = true;
	for (int i = 0; i < 50; i++) {
		say(f, a, "x");
		hub_flush(f->hub);
		hub_tick(f->hub);
	}
	b->conn.is_busy = false;
	hub_writable(f->hub, b->client);
	for (int i = 0; i < 50; i++) {
		char want[64];
		snprintf(want, sizeof(want),
		    "{\"type\":\"message\",\"seq\":%d,", 3 + i);
		char *text = fake_frame(&b->conn, &first, &n);
		assert_non_null(text);
		assert_memory_equal(text, want, strlen(want));
		free(text);
	}
	expect_nothing(b);
}

static void
test_gone_in_a_pass(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);
	struct person *c = join(f, "carol", HUB_PLAIN);

	hub_flush(f->hub);
	skip_all(a);
	skip_all(c);
	b->conn.is_dead = true;
	say(f, a, "1");
	hub_flush(f->hub);
	say(f, a, "2");
	hub_flush(f->hub);
	assert_int_equal(b->conn.closes, 0);
	assert_int_equal(hub_count(f->hub), 3);
	gone(f, b);
	say(f, a, "3");
	hub_flush(f->hub);
	for (int i = 1; i <= 3; i++) {
		char line[64];
		snprintf(
		    line, sizeof(line), "alice-2026-01-02 03:04:05-说:%d", i);
		expect(a, line);
		expect(c, line);
	}
}

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
			assert_int_equal(n, 0);
			free(text);
			pings++;
			hub_pong(f->hub, a->client);
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
	size_t busiest = 0;

	for (int i = 0; i < 60; i++)
		join(f, "alice", HUB_PLAIN);
	hub_flush(f->hub);
	for (int s = 1; s <= 25; s++) {
		size_t pinged = 0;
		clock_manual_advance(&f->clock, 1000);
		hub_tick(f->hub);
		hub_flush(f->hub);
		for (size_t i = 0; i < f->count; i++) {
			struct person *p = &f->people[i];
			if (p->conn.bytes.len >= 2 &&
			    memcmp(p->conn.bytes.data + p->conn.bytes.len - 2,
				"\x89\0", 2) == 0)
				pinged++;
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_busy_waits, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_want_without_need, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_refused_write_is_tried_again, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_writes_are_cut_at_frames, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_long_frame_goes_alone, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_too_many_bytes_behind, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_too_long_behind, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_our_own_stall, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_answers_unread, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_queue_is_bounded, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_resuming_is_not_slow, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_held_for_a_slow_reader, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_gone_in_a_pass, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_pings, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_pings_are_spread, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_too_long, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_too_long_text, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_binary, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_unfinished_message, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_too_fast, fake_setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_flood, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
