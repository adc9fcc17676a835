/*
 * What an administrator does to those who are connected, and what the hub
 * has counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

#define REASON "out"

static struct person *
join_with(struct fake *f, const char *user, const char *key)
{
	struct hub_join j = fake_join(user, HUB_GATECAST);

	j.session_key = key;
	return join_as(f, j);
}

static void
test_kick_user(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "Alice", HUB_PLAIN);
	struct person *a2 = join(f, "Alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_PLAIN);
	size_t closed = 9;

	assert_int_equal(
	    hub_kick(f->hub, "nobody", REASON, &closed), HUB_KICK_NOBODY);
	assert_int_equal(closed, 0);
	assert_int_equal(
	    hub_kick(f->hub, "aLICE", REASON, &closed), HUB_KICK_OK);
	assert_int_equal(closed, 2);
	assert_int_equal(a->conn.close_code, 4401);
	assert_string_equal(a->conn.close_reason, REASON);
	assert_int_equal(a2->conn.close_code, 4401);
	assert_int_equal(b->conn.close_code, 0);
	/* Those who are closing already are not closed again. */
	assert_int_equal(
	    hub_kick(f->hub, "alice", REASON, &closed), HUB_KICK_NOBODY);
	assert_int_equal(a->conn.closes, 1);
}

static void
test_kick_session(void **state)
{
	struct fake *f = *state;
	char one[SESSIONS_KEY_SIZE], other[SESSIONS_KEY_SIZE];
	size_t closed;

	/* The two differ in their last digit. */
	memcpy(one, fake_key('a'), sizeof(one));
	memcpy(other, fake_key('a'), sizeof(other));
	other[SESSIONS_KEY_LEN - 1] = 'b';
	struct person *a = join_with(f, "alice", one);
	struct person *b = join_with(f, "bob", other);
	assert_int_equal(
	    hub_kick(f->hub, "aaaaaaaa", REASON, &closed), HUB_KICK_AMBIGUOUS);
	assert_int_equal(
	    hub_kick(f->hub, "aaaaaaa", REASON, &closed), HUB_KICK_NOBODY);
	assert_int_equal(
	    hub_kick(f->hub, "bbbbbbbb", REASON, &closed), HUB_KICK_NOBODY);
	assert_int_equal(a->conn.close_code + b->conn.close_code, 0);
	assert_int_equal(
	    hub_kick(f->hub, other + 2, REASON, &closed), HUB_KICK_OK);
	assert_int_equal(closed, 1);
	assert_int_equal(a->conn.close_code, 0);
	assert_int_equal(b->conn.close_code, 4401);
	/* A user's name counts before a session's id. */
	struct person *c = join_with(f, "aaaaaaaa", fake_key('c'));
	assert_int_equal(
	    hub_kick(f->hub, "aaaaaaaa", REASON, &closed), HUB_KICK_OK);
	assert_int_equal(c->conn.close_code, 4401);
	assert_int_equal(a->conn.close_code, 0);
}

static void
test_say_as(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "Alice", HUB_GATECAST);

	hub_flush(f->hub);
	skip_all(a);
	assert_string_equal(hub_find_user(f->hub, "alice"), "Alice");
	assert_null(hub_find_user(f->hub, "bridge"));
	assert_int_equal(hub_say_as(f->hub, "bridge", "hi", 2), 0);
	assert_int_equal(hub_say_as(f->hub, "bridge", " ", 1), -1);
	hub_flush(f->hub);
	expect(a, MESSAGE("2", "bridge", "hi"));
	expect_nothing(a);
}

static void
test_close_some(void **state)
{
	struct fake *f = *state;
	struct person *p[5];
	size_t open;

	for (size_t i = 0; i < 5; i++)
		p[i] = join(f, "alice", HUB_PLAIN);
	hub_refuse_joins(f->hub);
	assert_int_equal(
	    hub_may_join(f->hub, "bob", "192.0.2.9"), HUB_DRAINING);
	for (size_t left = 5; left > 0;) {
		size_t max = left > 2 ? 2 : left;
		hub_close_some(f->hub, 2, HUB_CLOSE_GOING_AWAY, REASON);
		left -= max;
		open = 0;
		for (size_t i = 0; i < 5; i++)
			open += p[i]->conn.close_code == 0;
		assert_int_equal(open, left);
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(p[i]->conn.closes, 1);
}

static void
test_stats(void **state)
{
	struct fake *f = *state;
	struct hub_stats s;
	struct person *a = join(f, "alice", HUB_PLAIN);
	struct person *b = join(f, "bob", HUB_GATECAST);

	say(f, a, "hello");
	hub_flush(f->hub);
	resume(f, "bob", FAKE_EPOCH, 1);
	resume(f, "bob", FAKE_EPOCH + 1, 1);
	resume(f, "bob", FAKE_EPOCH, 99);
	hub_end_session(f->hub, fake_key('0'));
	gone(f, b);
	hub_get_stats(f->hub, &s);
	assert_int_equal(s.epoch, FAKE_EPOCH);
	assert_int_equal(s.joins[HUB_PLAIN], 1);
	assert_int_equal(s.joins[HUB_GATECAST], 4);
	assert_int_equal(s.resumes[HUB_RESUMED], 1);
	assert_int_equal(s.resumes[HUB_RESUMED_GAP], 0);
	assert_int_equal(s.resumes[HUB_RESUME_FRESH], 2);
	assert_int_equal(s.members[HUB_PLAIN] + s.members[HUB_GATECAST], 0);
	assert_int_equal(s.connections, 4);
	assert_int_equal(s.gone, 1);
	for (size_t i = 0; i < HUB_CLOSES; i++)
		assert_int_equal(s.closes[i],
		    i < HUB_CLOSES - 1 && hub_close_codes[i] == 4401 ? 5 : 0);
	assert_int_equal(s.received_bytes, 5);
	assert_int_equal(s.history_messages, 1);
	/* Nothing was sent but what these two got. */
	assert_int_equal(s.sent_bytes, a->conn.bytes.len + b->conn.bytes.len);
	assert_true(s.sent_bytes > 0);
}

/* Counted once, whoever else wants it closed; not when the peer began. */
static void
test_closed_by_the_transport(void **state)
{
	struct fake *f = *state;
	struct hub_stats s;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);

	hub_closing(f->hub, a->client, HUB_CLOSE_PROTOCOL);
	hub_closing(f->hub, b->client, 0);
	hub_end_session(f->hub, fake_key('0'));
	assert_int_equal(a->conn.closes + b->conn.closes, 0);
	hub_get_stats(f->hub, &s);
	assert_int_equal(s.members[HUB_GATECAST], 0);
	assert_int_equal(s.connections, 2);
	for (size_t i = 0; i < HUB_CLOSES; i++)
		assert_int_equal(s.closes[i],
		    i < HUB_CLOSES - 1 && hub_close_codes[i] == 1002 ? 1 : 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_kick_user),
	    CASE(test_kick_session),
	    CASE(test_say_as),
	    CASE(test_close_some),
	    CASE(test_stats),
	    CASE(test_closed_by_the_transport),
	};
	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
