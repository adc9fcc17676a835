/*
 * A hub that is killed and started again: one sequence, nothing that was
 * acknowledged missing, nothing twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_history.h"

#define HELLO_AT(epoch, user, seq, resumed, online)                    \
	"{\"type\":\"hello\",\"user\":\"" user "\",\"epoch\":\"" epoch \
	"\",\"seq\":" seq ",\"resumed\":" resumed ",\"ping_s\":25,"    \
	"\"message_bytes\":4096,\"online\":[" online "]}"
#define ACK(ref, seq) "{\"type\":\"ack\",\"ref\":\"" ref "\",\"seq\":" seq "}"

/* Nothing goes out before it is written, and then all of it does. */
static void
test_goes_on(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);

	hub_flush(f->hub);
	skip_all(a);
	send_ref(f, a, "r1", "one");
	send_ref(f, a, "r1", "one");
	hub_writable(f->hub, a->client);
	hub_flush(f->hub);
	expect(a, ACK("r1", "3"));
	expect(a, ACK("r1", "3"));
	expect(a, MESSAGE("3", "alice", "one"));
	expect_nothing(a);
	send_ref(f, b, "r2", "two");
	hub_flush(f->hub);
	send_ref(f, b, "r3", "never heard of");
	restart(f);

	/* The room has not noticed. */
	a = resume(f, "alice", FRESH_EPOCH, 2);
	hub_flush(f->hub);
	expect(a,
	    HELLO_AT("f00", "alice", "2", "true",
		ONLINE("alice") "," ONLINE("bob")));
	expect(a, MESSAGE("3", "alice", "one"));
	expect(a, MESSAGE("4", "bob", "two"));
	expect_nothing(a);
	/* What was said is not said again; what was not, is. */
	b = resume(f, "bob", FRESH_EPOCH, 4);
	send_ref(f, b, "r2", "two");
	send_ref(f, b, "r3", "never heard of");
	hub_flush(f->hub);
	skip_all(b);
	expect(a, MESSAGE("5", "bob", "never heard of"));
	gone(f, b);
	pass_time(f, 4000);
	b = join(f, "bob", HUB_PLAIN);
	pass_time(f, 20000);
	hub_flush(f->hub);
	expect_nothing(a);
}

static void
test_who_does_not_come_back_leaves(void **state)
{
	struct fake *f = *state;

	join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);
	struct person *c = join(f, "carol", HUB_GATECAST);
	gone(f, c);
	pass_time(f, 6000);
	gone(f, b);
	hub_flush(f->hub);
	restart(f);
	struct person *a = resume(f, "alice", FRESH_EPOCH, 4);
	hub_flush(f->hub);
	expect(a,
	    HELLO_AT("f00", "alice", "4", "true",
		ONLINE("alice") "," ONLINE("bob")));
	pass_time(f, 14000);
	hub_flush(f->hub);
	expect_nothing(a);
	pass_time(f, 2000);
	hub_flush(f->hub);
	expect(a, LEAVE_AT("5", "bob", "2026-01-02T03:04:26.678Z"));
	expect_nothing(a);
	restart(f);
	a = join(f, "alice", HUB_GATECAST);
	hub_flush(f->hub);
	expect(a, HELLO_AT("f00", "alice", "5", "false", ONLINE("alice")));
}

static void
test_history_after_a_restart(void **state)
{
	struct fake *f = *state;

	f->config.wsd.history_messages = 2;
	struct person *a = join(f, "alice", HUB_GATECAST);
	for (int i = 0; i < 5; i++)
		send_text(f, a, i % 2 ? "odd" : "even");
	hub_flush(f->hub);
	for (int i = 0; i < 3; i++) {
		restart(f);
		a = resume(f, "alice", FRESH_EPOCH, 2);
		say(f, a, "{\"type\":\"history\"}");
		hub_flush(f->hub);
		expect(
		    a, HELLO_AT("f00", "alice", "2", "true", ONLINE("alice")));
		expect(a, "{\"type\":\"gap\",\"from\":3,\"to\":4}");
		expect(a,
		    "{\"type\":\"history\",\"messages\":[" MESSAGE(
			"5", "alice", "odd") "," MESSAGE("6", "alice",
			"even") "],\"more\":false}");
		expect(a, MESSAGE("5", "alice", "odd"));
		expect(a, MESSAGE("6", "alice", "even"));
		expect_nothing(a);
	}
	/* Ages go by the wall clock meanwhile. */
	f->config.wsd.history_age_s = 60;
	end(f);
	clock_manual_advance(&f->clock, 61000);
	start(f);
	a = resume(f, "alice", FRESH_EPOCH, 5);
	expect_no_history(f, a);
}

/* Numbers and refs go on; texts are on no disk. */
static void
test_no_history(void **state)
{
	struct fake *f = *state;

	f->config.wsd.history_messages = 0;
	struct person *a = join(f, "alice", HUB_GATECAST);
	send_ref(f, a, "r1", "secret");
	hub_flush(f->hub);
	struct buf b = slurp(fake_path("journal"));
	assert_null(memmem(b.data, b.len, "secret", 6));
	buf_fini(&b);
	restart(f);
	a = resume(f, "alice", FRESH_EPOCH, 1);
	send_ref(f, a, "r1", "secret");
	send_ref(f, a, "r2", "more");
	hub_flush(f->hub);
	expect(a, HELLO_AT("f00", "alice", "1", "true", ONLINE("alice")));
	expect(a, "{\"type\":\"gap\",\"from\":2,\"to\":2}");
	expect(a, ACK("r1", "2"));
	expect(a, ACK("r2", "3"));
	expect(a, MESSAGE("3", "alice", "more"));
	expect_nothing(a);
}

/* Where the epoch is after a restart on another boot. */
static uint64_t
epoch_after(struct fake *f, uint64_t other)
{
	end(f);
	fake_boot[0]++;
	/* A resume is only possible in the epoch that goes on. */
	start(f);
	struct person *p = resume(f, "alice", other, 1);
	hub_flush(f->hub);
	uint8_t first;
	size_t n;
	char *hello = fake_frame(&p->conn, &first, &n);
	const char *at = strstr(hello, "\"epoch\":\"");
	uint64_t epoch = strtoull(at + 9, NULL, 16);
	free(hello);
	return epoch;
}

/* A machine that does not tell its boot may have been started anew. */
static void
test_unknown_boot(void **state)
{
	struct fake *f = *state;
	char boot[sizeof(fake_boot)];

	memcpy(boot, fake_boot, sizeof(boot));
	end(f);
	memset(fake_boot, 0, sizeof(fake_boot));
	start_as(f, 0xf02);
	struct person *a = join(f, "alice", HUB_GATECAST);
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	end(f);
	start_as(f, 0xf03);
	a = resume(f, "alice", 0xf02, 1);
	hub_flush(f->hub);
	expect_part(a, "\"epoch\":\"f03\"");
	memcpy(fake_boot, boot, sizeof(boot));
}

static void
test_power_loss(void **state)
{
	struct fake *f = *state;
	/* Told without a sync: what others have seen may be gone. */
	struct person *a = join(f, "alice", HUB_GATECAST);
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	end(f);
	fake_boot[0]++;
	start_as(f, 0xf01);
	a = resume(f, "alice", FRESH_EPOCH, 1);
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	expect(a, HELLO_AT("f01", "alice", "2", "false", ONLINE("alice")));
	expect(a, ACK("r1", "2"));
	expect_nothing(a);
	/* An orderly end is on disk. */
	history_stop(f->history);
	assert_int_equal(epoch_after(f, 0xf01), 0xf01);
	/* And so is what waits for it. */
	f->config.wsd.history_sync = CONFIG_SYNC_ALWAYS;
	a = join(f, "alice", HUB_GATECAST);
	send_text(f, a, "two");
	hub_flush(f->hub);
	assert_int_equal(epoch_after(f, 0xf01), 0xf01);
	/* But not what is told after that without waiting. */
	f->config.wsd.history_sync = CONFIG_SYNC_KILL;
	a = join(f, "alice", HUB_GATECAST);
	send_text(f, a, "three");
	hub_flush(f->hub);
	assert_int_equal(epoch_after(f, 0xf01), FRESH_EPOCH);
}

/* Most of it dead: another one. */
static void
test_is_bounded(void **state)
{
	struct fake *f = *state;
	off_t longest = 0;

	f->config.wsd.history_messages = 10;
	f->config.wsd.slow_bytes = INT64_MAX;
	struct person *a = join(f, "alice", HUB_PLAIN);
	for (int i = 0; i < 40; i++) {
		fill(f, a, 100, 4000);
		hub_flush(f->hub);
		pass_time(f, 1000);
		struct stat st;
		assert_int_equal(stat(fake_path("journal"), &st), 0);
		if (st.st_size > longest)
			longest = st.st_size;
	}
	assert_in_range(longest, 4 << 20, 10 << 20);
	restart(f);
	struct stat st;
	assert_int_equal(stat(fake_path("journal"), &st), 0);
	assert_in_range(st.st_size, 40000, 60000);
	struct person *b = resume(f, "bob", FRESH_EPOCH, 3990);
	hub_flush(f->hub);
	char *hello = fake_frame(&b->conn, &(uint8_t){0}, &(size_t){0});
	assert_non_null(strstr(hello, "\"seq\":3990,\"resumed\":true"));
	free(hello);
	/* What is too old does not stay because little is said. */
	f->config.wsd.history_age_s = 100;
	say(f, b, "{\"type\":\"send\",\"text\":\"soon gone\"}");
	pass_time(f, 300000);
	struct buf bytes = slurp(fake_path("journal"));
	assert_null(memmem(bytes.data, bytes.len, "soon gone", 9));
	buf_fini(&bytes);
}

/* However much comes in one turn, a MiB of it waits at most. */
static void
test_a_turn_is_bounded(void **state)
{
	struct fake *f = *state;
	char text[4001];
	size_t most = 0;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	struct person *a = join(f, "alice", HUB_PLAIN);
	for (int i = 0; i < 1000; i++) {
		say(f, a, text);
		if (history_pending(f->history) > most)
			most = history_pending(f->history);
	}
	assert_in_range(most, 1 << 20, (1 << 20) + 5000);
	struct stat st;
	assert_int_equal(stat(fake_path("journal"), &st), 0);
	assert_in_range(st.st_size, 3 << 20, 4 << 20);
	/* And so many acknowledgements, also of what is not said again. */
	struct person *b = join(f, "bob", HUB_GATECAST);
	hub_flush(f->hub);
	skip_all(b);
	for (int i = 0; i < 4097; i++)
		send_ref(f, b, "again", "only once");
	assert_int_equal(history_pending(f->history), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    HISTORY_TEST(test_goes_on),
	    HISTORY_TEST(test_who_does_not_come_back_leaves),
	    HISTORY_TEST(test_history_after_a_restart),
	    HISTORY_TEST(test_no_history),
	    HISTORY_TEST(test_unknown_boot),
	    HISTORY_TEST(test_power_loss),
	    HISTORY_TEST(test_is_bounded),
	    HISTORY_TEST(test_a_turn_is_bounded),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
