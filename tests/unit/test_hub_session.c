/*
 * Limits of joining, sessions that end, and stopping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

static enum hub_err
try_join(struct fake *f, const char *user, const char *address)
{
	struct hub_join j = fake_join(user, HUB_PLAIN);
	struct fake_conn conn = {.writes = 0};
	struct client *c;

	j.conn = &conn;
	j.address = address;
	enum hub_err may = hub_may_join(f->hub, user, address);
	size_t count = hub_count(f->hub);
	enum hub_err err = hub_join(f->hub, &j, &c);
	assert_int_equal(err, may);
	if (err == HUB_OK) {
		assert_non_null(c);
		hub_gone(f->hub, c);
	} else {
		assert_null(c);
	}
	assert_int_equal(hub_count(f->hub), count);
	fake_fini(&conn);
	return err;
}

static void
test_limits(void **state)
{
	struct fake *f = *state;

	join(f, "alice", HUB_PLAIN);
	struct person *a = join(f, "alice", HUB_PLAIN);
	f->config.wsd.connections_per_user = 2;
	assert_int_equal(try_join(f, "alice", "192.0.2.9"), HUB_USER_FULL);
	assert_int_equal(try_join(f, "bob", "192.0.2.1"), HUB_OK);
	f->config.wsd.connections_per_address = 2;
	assert_int_equal(try_join(f, "bob", "192.0.2.1"), HUB_ADDRESS_FULL);
	assert_int_equal(try_join(f, "bob", "192.0.2.9"), HUB_OK);
	/* Of IPv6, a /64 is one person's. */
	struct hub_join six = fake_join("eve", HUB_PLAIN);
	six.address = "2001:db8::1";
	join_as(f, six);
	six.address = "2001:db8::2:0:0:1";
	struct person *second = join_as(f, six);
	assert_int_equal(
	    try_join(f, "bob", "2001:db8::ffff:1"), HUB_ADDRESS_FULL);
	assert_int_equal(try_join(f, "bob", "2001:db8:0:1::1"), HUB_OK);
	gone(f, second);
	assert_int_equal(try_join(f, "bob", "2001:db8::ffff:1"), HUB_OK);
	f->config.wsd.max_connections = 3; /* all that are here */
	assert_int_equal(try_join(f, "bob", "192.0.2.9"), HUB_FULL);
	gone(f, a);
	assert_int_equal(try_join(f, "alice", "192.0.2.1"), HUB_OK);
}

static void
test_not_a_session_key(void **state)
{
	struct fake *f = *state;
	struct hub_join j = fake_join("alice", HUB_PLAIN);
	struct client *c;

	j.session_key = "s:tooshort";
	assert_int_equal(hub_join(f->hub, &j, &c), HUB_INVALID);
	assert_int_equal(hub_count(f->hub), 0);
	assert_int_equal(try_join(f, "alice", "::1"), HUB_OK);
}

static struct person *
join_session(struct fake *f, const char *user, char digit, int64_t end_s)
{
	struct hub_join j = fake_join(user, HUB_GATECAST);

	j.session_key = fake_key(digit);
	j.session_end_s = end_s;
	return join_as(f, j);
}

static void
test_end_session(void **state)
{
	struct fake *f = *state;
	struct hub_stats stats;
	struct person *a1 = join_session(f, "alice", 'a', INT64_MAX);
	struct person *a2 = join_session(f, "alice", 'a', INT64_MAX);
	struct person *a3 = join_session(f, "alice", 'b', INT64_MAX);

	hub_flush(f->hub);
	skip_all(a1);
	send_text(f, a1, "said before");
	assert_int_equal(hub_end_session(f->hub, fake_key('c')), 0);
	assert_int_equal(hub_end_session(f->hub, "nonsense"), 0);
	assert_int_equal(hub_end_session(f->hub, fake_key('a')), 2);
	/* Already closing ones are not counted again. */
	assert_int_equal(hub_end_session(f->hub, fake_key('a')), 0);
	assert_int_equal(a1->conn.close_code, 4401);
	assert_int_equal(a2->conn.close_code, 4401);
	assert_int_equal(a3->conn.close_code, 0);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.queued_bytes, 0);
	/* Not a byte more, in or out. */
	send_text(f, a1, "said after");
	hub_flush(f->hub);
	expect_nothing(a1);
	hub_get_stats(f->hub, &stats);
	assert_int_equal(stats.messages, 1);
	gone(f, a1);
	gone(f, a2);
	assert_int_equal(hub_end_session(f->hub, fake_key('a')), 0);
}

struct verifier {
	struct fake *f;
	char asked[8];
	size_t count;
	enum sessions_verdict verdict;
	int64_t end_s;
	bool is_ending; /* ends the session while it is asked */
};

static enum sessions_verdict
verify(void *arg, const char *session_key, int64_t *end_s)
{
	struct verifier *v = arg;

	assert_int_equal(strlen(session_key), SESSIONS_KEY_LEN);
	assert_true(v->count < sizeof(v->asked));
	v->asked[v->count++] = session_key[10];
	*end_s = v->end_s;
	if (v->is_ending)
		hub_end_session(v->f->hub, session_key);
	return v->verdict;
}

static void
test_recheck(void **state)
{
	struct fake *f = *state;
	int64_t now_s = FAKE_TIME_MS / 1000;
	struct verifier v = {.f = f, .end_s = now_s + 100};
	struct person *a = join_session(f, "alice", 'a', now_s + 10);
	struct person *a2 = join_session(f, "alice", 'a', now_s + 10);
	struct person *b = join_session(f, "bob", 'b', now_s + 20);

	assert_int_equal(hub_recheck(f->hub, false, verify, &v), 0);
	assert_int_equal(v.count, 0);
	/* Due, still good, and then not due again. */
	clock_manual_advance(&f->clock, 10000);
	assert_int_equal(hub_recheck(f->hub, false, verify, &v), 0);
	assert_int_equal(v.count, 1);
	assert_int_equal(v.asked[0], 'a');
	assert_int_equal(hub_recheck(f->hub, false, verify, &v), 0);
	assert_int_equal(v.count, 1);
	/* Unavailable: stays, and is asked again. */
	clock_manual_advance(&f->clock, 10000);
	v.verdict = SESSIONS_UNAVAILABLE;
	assert_int_equal(hub_recheck(f->hub, false, verify, &v), 0);
	assert_int_equal(hub_recheck(f->hub, false, verify, &v), 0);
	assert_int_equal(v.count, 3);
	assert_int_equal(v.asked[2], 'b');
	assert_int_equal(b->conn.close_code, 0);
	v.verdict = SESSIONS_EXPIRED;
	assert_int_equal(hub_recheck(f->hub, false, verify, &v), 1);
	assert_int_equal(b->conn.close_code, 4401);
	assert_int_equal(a->conn.close_code, 0);
	/* Everything: the closing one is not asked about. */
	v.count = 0;
	v.verdict = SESSIONS_UNKNOWN;
	assert_int_equal(hub_recheck(f->hub, true, verify, &v), 2);
	assert_int_equal(v.count, 1);
	assert_int_equal(a->conn.close_code, 4401);
	assert_int_equal(a2->conn.close_code, 4401);
}

static void
test_ended_while_asked(void **state)
{
	struct fake *f = *state;
	struct verifier v = {
	    .f = f, .verdict = SESSIONS_UNKNOWN, .is_ending = true};
	struct person *a = join_session(f, "alice", 'a', 0);

	join_session(f, "bob", 'b', 0);
	hub_recheck(f->hub, true, verify, &v);
	assert_int_equal(v.count, 2);
	assert_int_equal(a->conn.close_code, 4401);
	assert_int_equal(a->conn.closes, 1);
}

static void
test_drain(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_PLAIN);
	char text[4000];

	hub_flush(f->hub);
	skip_all(a);
	skip_all(b);
	memset(text, 't', sizeof(text));
	b->conn.is_busy = true;
	/* More than one write's worth is still written to who can take it. */
	for (int i = 0; i < 30; i++)
		say_bytes(f, b, text, sizeof(text));
	hub_close_all(f->hub, HUB_CLOSE_GOING_AWAY, "shutting down");
	assert_true(a->conn.bytes.len > 30 * sizeof(text));
	assert_int_equal(a->conn.close_code, 1001);
	assert_string_equal(a->conn.close_reason, "shutting down");
	assert_int_equal(b->conn.close_code, 1001);
	expect_nothing(b);
	assert_int_equal(hub_may_join(f->hub, "carol", "::1"), HUB_DRAINING);
	assert_int_equal(try_join(f, "carol", "::1"), HUB_DRAINING);
	hub_tick(f->hub);
	hub_flush(f->hub);
}

static void
test_gone_in_any_order(void **state)
{
	struct fake *f = *state;
	uint8_t first;
	size_t n;

	/* Seats move into those that became free; nobody is mixed up. */
	for (int i = 0; i < 40; i++) {
		char user[8];
		snprintf(user, sizeof(user), "u%02d", i);
		join(f, user, i % 2 == 0 ? HUB_GATECAST : HUB_PLAIN);
	}
	hub_flush(f->hub);
	for (size_t i = 0; i < f->count; i++)
		skip_all(&f->people[i]);
	for (size_t i = 0; i < 40; i++) {
		struct person *p = &f->people[(i * 7) % 40];
		struct person *last = &f->people[(39 * 7) % 40];
		say(f, last, "x");
		gone(f, p);
		hub_flush(f->hub);
		for (size_t j = i + 1; j < 40; j++) {
			struct person *q = &f->people[(j * 7) % 40];
			char *text;
			bool has_seen = false;
			while (
			    (text = fake_frame(&q->conn, &first, &n)) != NULL) {
				has_seen = true;
				free(text);
			}
			if (i < 39)
				assert_true(has_seen);
		}
		if (i == 38)
			break;
	}
	assert_int_equal(hub_count(f->hub), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAKE_TEST(test_limits),
	    FAKE_TEST(test_not_a_session_key),
	    FAKE_TEST(test_end_session),
	    FAKE_TEST(test_recheck),
	    FAKE_TEST(test_ended_while_asked),
	    FAKE_TEST(test_drain),
	    FAKE_TEST(test_gone_in_any_order),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
