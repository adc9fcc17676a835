/*
 * Readers that are too slow, and those who only look so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

/* Has taken all there is, and takes nothing more. */
static struct person *
join_busy(struct fake *f, const char *user, enum hub_protocol protocol)
{
	struct person *p = join(f, user, protocol);

	hub_flush(f->hub);
	p->conn.is_busy = true;
	return p;
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
	can_write(f, b);
	hub_tick(f->hub);
	assert_int_equal(b->conn.wants, wants);
	assert_int_equal(b->conn.closes, 1);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.connections, 2);
}

/* The close says where to come back: nothing is missed, nothing twice. */
static void
test_cursor_to_come_back(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);
	struct person *c = join(f, "carol", HUB_GATECAST);

	f->config.wsd.slow_bytes = 1000;
	hub_flush(f->hub); /* the three joins */
	say(f, a, "{\"type\":\"send\",\"text\":\"4\"}");
	hub_flush(f->hub);
	b->conn.is_busy = true;
	c->conn.is_busy = true;
	hub_pong(c->client);
	say(f, c, "nonsense"); /* its answer is unsent */
	for (int i = 0; i < 20; i++)
		send_text(f, a, "and so on");
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 4408);
	assert_string_equal(b->conn.close_reason, "too slow; since=e0c-4");
	assert_int_equal(c->conn.close_code, 4408);
	assert_string_equal(c->conn.close_reason, "too slow");
	struct person *d = resume(f, "bob", FAKE_EPOCH, 4);
	hub_flush(f->hub);
	expect(d,
	    HELLO("bob", "4", "true",
		ONLINE("alice") "," ONLINE("bob") "," ONLINE("carol")));
	expect(d, MESSAGE("5", "alice", "and so on"));
}

static void
test_too_long_behind(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join_busy(f, "bob", HUB_PLAIN);

	say(f, a, "1");
	hub_flush(f->hub);
	pass_time(f, 9000);
	say(f, a, "2");
	hub_flush(f->hub);
	pass_time(f, 1000);
	assert_int_equal(b->conn.close_code, 0);
	/* It gets the first, so the second counts. */
	b->conn.is_busy = false;
	can_write(f, b);
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
	struct person *b = join_busy(f, "bob", HUB_PLAIN);

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
	struct person *a = join_busy(f, "alice", HUB_GATECAST);

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
test_answers_read_slowly(void **state)
{
	struct fake *f = *state;
	struct person *a = join_busy(f, "alice", HUB_GATECAST);

	for (int i = 0; i < 700; i++)
		say(f, a, "nonsense");
	hub_flush(f->hub);
	pass_time(f, 9000);
	/* A part of it: what is left is waiting from here on. */
	a->conn.is_busy = false;
	can_write(f, a);
	a->conn.is_busy = true;
	pass_time(f, 9000);
	assert_int_equal(a->conn.close_code, 0);
	pass_time(f, 3000);
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
		can_write(f, a);
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
test_resumed_is_as_others(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);

	f->config.wsd.slow_bytes = 10000;
	fill(f, a, 5, 1000);
	hub_flush(f->hub);
	struct person *b = resume(f, "bob", FAKE_EPOCH, 1);
	for (int i = 0; i < 20; i++) {
		fill(f, a, 1, 1000);
		hub_flush(f->hub);
	}
	b->conn.is_busy = true;
	fill(f, a, 1, 1000);
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 0);
	fill(f, a, 9, 1000);
	hub_flush(f->hub);
	assert_int_equal(b->conn.close_code, 4408);
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
	can_write(f, b);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_too_many_bytes_behind),
	    FAKE_TEST(test_cursor_to_come_back),
	    FAKE_TEST(test_too_long_behind),
	    FAKE_TEST(test_our_own_stall),
	    FAKE_TEST(test_answers_unread),
	    FAKE_TEST(test_answers_read_slowly),
	    FAKE_TEST(test_queue_is_bounded),
	    FAKE_TEST(test_resuming_is_not_slow),
	    FAKE_TEST(test_resumed_is_as_others),
	    FAKE_TEST(test_held_for_a_slow_reader),
	};
	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
