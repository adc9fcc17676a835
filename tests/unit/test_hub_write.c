/*
 * Writes to connections that are busy, refuse or are gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

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
	can_write(f, b);
	assert_int_equal(b->conn.wants, 2);
	b->conn.is_busy = false;
	can_write(f, b);
	expect(b, "alice-2026-01-02 03:04:05-说:1");
	expect(b, "alice-2026-01-02 03:04:05-说:2");
	assert_int_equal(b->conn.wants, 2);
	can_write(f, b);
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
	can_write(f, a);
	assert_true(a->conn.bytes.len > 0);
	/* A drain does not spin on it. */
	a->conn.is_lying = true;
	send_text(f, a, "x");
	hub_close_all(f->hub, HUB_CLOSE_GOING_AWAY, "bye");
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
		can_write(f, b);
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

/* What the kernel does not take is not held twice. */
static void
test_kernel_takes_less(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_GATECAST);
	struct hub_memory m;

	for (size_t kernel = 1; kernel < 3000; kernel += 97) {
		hub_flush(f->hub);
		skip_all(b);
		b->conn.kernel_bytes = kernel;
		/* Private answers and the stream in one write. */
		say(f, b, "nonsense");
		for (char i = 'a'; i < 'a' + 12; i++) {
			char text[200];
			memset(text, i, sizeof(text));
			say_bytes(f, a, text, sizeof(text));
		}
		hub_flush(f->hub);
		hub_get_memory(f->hub, &m);
		assert_true(b->conn.is_busy);
		assert_in_range(m.queues - TRANSPORT_KERNEL_BYTES, 1, 700);
		for (int i = 0; i < 100; i++) {
			b->conn.is_busy = false;
			can_write(f, b);
		}
		expect(b, ERROR("null", "bad_json", "not a JSON object"));
		for (char i = 'a'; i < 'a' + 12; i++) {
			uint8_t first;
			size_t n;
			char *text = fake_frame(&b->conn, &first, &n);
			assert_non_null(text);
			assert_int_equal(text[n - 3], i);
			free(text);
		}
		expect_nothing(b);
		hub_get_memory(f->hub, &m);
		assert_int_equal(m.queues, 0);
		b->conn.kernel_bytes = 0;
	}
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
	can_write(f, a);
	can_write(f, a);
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
test_queued_and_gone(void **state)
{
	struct fake *f = *state;
	struct person *p[4];

	for (size_t i = 0; i < 4; i++)
		p[i] = join(f, "alice", HUB_GATECAST);
	hub_flush(f->hub);
	for (size_t i = 0; i < 4; i++) {
		skip_all(p[i]);
		say(f, p[i], "nonsense");
	}
	gone(f, p[0]);
	gone(f, p[3]);
	gone(f, p[1]);
	hub_flush(f->hub);
	expect(p[2],
	    "{\"type\":\"error\",\"ref\":null,\"code\":\"bad_json\","
	    "\"detail\":\"not a JSON object\"}");
	expect_nothing(p[2]);
	assert_false(hub_is_dirty(f->hub));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_busy_waits),
	    FAKE_TEST(test_no_want_without_need),
	    FAKE_TEST(test_refused_write_is_tried_again),
	    FAKE_TEST(test_writes_are_cut_at_frames),
	    FAKE_TEST(test_kernel_takes_less),
	    FAKE_TEST(test_long_frame_goes_alone),
	    FAKE_TEST(test_queued_and_gone),
	    FAKE_TEST(test_gone_in_a_pass),
	};
	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
