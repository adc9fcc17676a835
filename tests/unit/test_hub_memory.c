/*
 * wsd.max_memory: who is refused, who is closed, and that all is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

#define BUSY TRANSPORT_KERNEL_BYTES

static struct hub_memory
memory(struct fake *f)
{
	struct hub_memory m;

	hub_get_memory(f->hub, &m);
	return m;
}

/* So that the share of the queues is that, or a little more. */
static void
limit_queues(struct fake *f, int64_t bytes)
{
	f->config.wsd.max_connections = 0;
	f->config.wsd.history_messages = 0;
	f->config.wsd.history_bytes = 1;
	f->config.wsd.slow_bytes = 1024;
	int64_t others = 1024 * CONFIG_MEMORY_LOG * 2 + CONFIG_MEMORY_LOG;
	f->config.wsd.max_memory = 2 * ((bytes + others) * 4 / 3 + 2);
	hub_tick(f->hub);
	assert_in_range(memory(f).shares.queues, bytes, bytes + 8);
}

static void
begin_message(struct fake *f, struct person *p, size_t n)
{
	uint8_t text[4096];

	memset(text, 't', sizeof(text));
	hub_receive(f->hub, p->client,
	    &(struct hub_fragment){.bytes = text, .n = n, .is_first = true});
}

static void
test_connections(void **state)
{
	struct fake *f = *state;
	struct hub_join j = fake_join("alice", HUB_PLAIN);
	struct client *c;

	f->config.wsd.max_connections = 0;
	f->config.wsd.max_memory = 8 * 3 * CONFIG_MEMORY_CONNECTION;
	hub_tick(f->hub);
	for (int i = 0; i < 3; i++)
		join(f, "alice", HUB_PLAIN);
	assert_int_equal(memory(f).connections, memory(f).shares.connections);
	assert_int_equal(hub_join(f->hub, &j, &c), HUB_FULL);
	gone(f, &f->people[0]);
	join(f, "alice", HUB_PLAIN);
	f->config.wsd.max_memory = 0;
	hub_tick(f->hub);
	join(f, "alice", HUB_PLAIN);
}

static void
count(struct person **p, size_t n, size_t *closed, size_t *cut)
{
	*closed = 0;
	*cut = 0;
	for (size_t i = 0; i < n; i++) {
		*closed += p[i]->conn.close_code == 4408;
		*cut += p[i]->conn.cuts;
		assert_true(p[i]->conn.closes >= p[i]->conn.cuts);
		assert_true(p[i]->conn.cuts <= 1);
	}
}

static void
test_busy_readers(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN), *p[8];
	size_t closed, cut;

	for (int i = 0; i < 8; i++)
		p[i] = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	limit_queues(f, 8 * BUSY);
	for (int i = 0; i < 6; i++)
		p[i]->conn.is_busy = true;
	say(f, a, "the first");
	hub_flush(f->hub);
	/* Three quarters: nobody is closed, and nobody let in. */
	count(p, 8, &closed, &cut);
	assert_int_equal(closed, 0);
	assert_int_equal(memory(f).queues, 6 * BUSY);
	assert_int_equal(hub_may_join(f->hub, "carol", ""), HUB_FULL);
	/* Above: an eighth less shall be left, with a word for each. */
	p[6]->conn.is_busy = true;
	p[7]->conn.is_busy = true;
	say(f, a, "the second");
	hub_flush(f->hub);
	count(p, 8, &closed, &cut);
	assert_int_equal(closed, 3);
	assert_int_equal(cut, 0);
	assert_int_equal(memory(f).queues, 8 * BUSY);
	assert_int_equal(memory(f).leaving, 3 * BUSY);
	/* Above the limit, those go at once. */
	begin_message(f, a, 100);
	count(p, 8, &closed, &cut);
	assert_int_equal(closed, 3);
	assert_int_equal(cut, 2);
	assert_int_equal(a->conn.close_code, 0);
	assert_in_range(memory(f).queues, 6 * BUSY, 7 * BUSY);
	assert_int_equal(memory(f).leaving, BUSY);
	for (int i = 0; i < 8; i++) {
		p[i]->conn.is_busy = false;
		if (p[i]->conn.close_code != 0)
			gone(f, p[i]);
		else
			can_write(f, p[i]);
	}
	assert_in_range(memory(f).queues, 1, 1000);
	assert_int_equal(memory(f).leaving, 0);
	assert_int_equal(hub_may_join(f->hub, "carol", ""), HUB_OK);
}

/* More at once than goes into one write: they wait, but nothing is full. */
static void
test_more_than_a_write(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN), *p[8];

	for (int i = 0; i < 8; i++)
		p[i] = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	f->config.wsd.user_rate = 0;
	limit_queues(f, BUSY);
	f->config.wsd.slow_bytes = BUSY;
	hub_tick(f->hub);
	fill(f, a, TRANSPORT_WRITE_MAX / 4000 + 1, 4000);
	hub_flush(f->hub);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(p[i]->conn.wants, 1);
		assert_int_equal(p[i]->conn.close_code, 0);
	}
	assert_in_range(memory(f).queues, 0, 1000);
}

/* Who has stopped but is not busy yet: the kernel is asked, in turns. */
static void
test_unread(void **state)
{
	struct fake *f = *state;
	struct person *p[20];
	size_t closed, cut;

	for (int i = 0; i < 20; i++)
		p[i] = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	limit_queues(f, 1000000);
	for (int i = 0; i < 20; i++)
		p[i]->conn.unread = 50000;
	for (int i = 0; i < 3; i++)
		hub_tick(f->hub);
	assert_in_range(memory(f).queues, 300000, 500000);
	for (int i = 0; i < 10; i++)
		hub_tick(f->hub);
	count(p, 20, &closed, &cut);
	assert_in_range(closed, 5, 8);
	assert_int_equal(cut, 0);
	for (int i = 0; i < 20; i++)
		p[i]->conn.unread = 0;
	for (int i = 0; i < 10; i++)
		hub_tick(f->hub);
	assert_int_equal(memory(f).queues, memory(f).leaving);
}

/* What is on its way is no fault of who takes it in, however much it is. */
static void
test_under_way(void **state)
{
	struct fake *f = *state;
	struct person *p[20];
	size_t closed, cut;

	for (int i = 0; i < 20; i++)
		p[i] = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	limit_queues(f, 1000000);
	for (int i = 0; i < 20; i++) {
		p[i]->conn.is_under_way = i < 10;
		p[i]->conn.unread = i < 10 ? 60000 : 20000;
	}
	/* Nor is what waits for the next pass. */
	fill(f, p[0], 10, 4000);
	for (int i = 0; i < 20; i++)
		hub_tick(f->hub);
	count(p, 10, &closed, &cut);
	assert_int_equal(closed, 0);
	count(p + 10, 10, &closed, &cut);
	assert_in_range(closed, 2, 8);
	assert_int_equal(cut, 0);
	/* But the limit is one. */
	for (int i = 0; i < 10; i++)
		p[i]->conn.unread = 120000;
	for (int i = 0; i < 20; i++)
		hub_tick(f->hub);
	count(p, 10, &closed, &cut);
	assert_in_range(cut, 1, 5);
	assert_in_range(memory(f).queues, 1, 1000000);
}

/* A pass is not finished first when there is no room for it. */
static void
test_looks_in_a_pass(void **state)
{
	struct fake *f = *state;
	struct person *p[20];
	size_t written = 0;

	for (int i = 0; i < 20; i++)
		p[i] = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	limit_queues(f, 100000);
	for (int i = 0; i < 20; i++) {
		p[i]->conn.unread = 50000;
		written -= p[i]->conn.writes;
	}
	fill(f, p[0], 1, 4000);
	hub_flush(f->hub);
	for (int i = 0; i < 20; i++)
		written += p[i]->conn.writes;
	assert_in_range(written, 4, 10);
}

static void
test_unfinished_messages(void **state)
{
	struct fake *f = *state;
	struct person *p[FAKE_PEOPLE - 1], *a = join(f, "alice", HUB_PLAIN);
	size_t closed = 0;

	for (size_t i = 0; i < FAKE_PEOPLE - 1; i++)
		p[i] = join(f, "bob", HUB_PLAIN);
	hub_flush(f->hub);
	limit_queues(f, 100000);
	begin_message(f, a, 10);
	for (size_t i = 0; i < FAKE_PEOPLE - 1; i++) {
		begin_message(f, p[i], 4000);
		assert_in_range(memory(f).queues, 1, 100000);
	}
	for (size_t i = 0; i < FAKE_PEOPLE - 1; i++)
		closed += p[i]->conn.close_code == 4408;
	assert_in_range(closed, 40, 50);
	/* It holds less than they do. */
	assert_int_equal(a->conn.close_code, 0);
	for (size_t i = 0; i < FAKE_PEOPLE - 1; i++)
		gone(f, p[i]);
	gone(f, a);
	assert_int_equal(memory(f).queues, 0);
}

/* Who is farthest behind goes first among those that cost the same. */
static void
test_slowest_first(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_PLAIN);
	struct person *c = join(f, "carol", HUB_PLAIN);

	hub_flush(f->hub);
	c->conn.is_busy = true;
	for (int i = 0; i < 30; i++) {
		fill(f, a, 7, 4000);
		hub_flush(f->hub);
	}
	b->conn.is_busy = true;
	say(f, a, "x");
	hub_flush(f->hub);
	limit_queues(f, 2 * BUSY);
	assert_int_equal(c->conn.close_code, 4408);
	assert_int_equal(b->conn.close_code, 0);
	assert_int_equal(a->conn.close_code, 0);
	assert_int_equal(memory(f).leaving, BUSY);
}

/* The history keeps to its share, whatever its own limits say. */
static void
test_history(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.max_memory = 1 << 20;
	f->config.wsd.history_bytes = 0;
	f->config.wsd.history_messages = 100000;
	f->config.wsd.user_rate = 0;
	hub_tick(f->hub);
	for (int i = 0; i < 1000; i++) {
		send_text(f, a, "some text");
		hub_flush(f->hub);
	}
	struct hub_memory m = memory(f);
	assert_in_range(m.history, m.shares.history / 3, m.shares.history);
	assert_int_equal(m.streams, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_connections),
	    FAKE_TEST(test_busy_readers),
	    FAKE_TEST(test_more_than_a_write),
	    FAKE_TEST(test_unread),
	    FAKE_TEST(test_under_way),
	    FAKE_TEST(test_looks_in_a_pass),
	    FAKE_TEST(test_unfinished_messages),
	    FAKE_TEST(test_slowest_first),
	    FAKE_TEST(test_history),
	};
	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
