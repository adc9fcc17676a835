/*
 * A journal that cannot be written: nobody is told what could be lost, who
 * reads goes on, and it mends itself. And death at each call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store_faults.h"

#include "fake_history.h"

#include <sys/wait.h>

#define ACK(ref, seq) "{\"type\":\"ack\",\"ref\":\"" ref "\",\"seq\":" seq "}"
#define UNAVAILABLE(ref)                                              \
	"{\"type\":\"error\",\"ref\":\"" ref                          \
	"\",\"code\":\"unavailable\",\"detail\":\"it cannot be kept " \
	"at the moment\",\"retry_after_ms\":1000}"

static void
mends_after(struct fake *f, enum fault_kind kind, int error, const char *call)
{
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);
	struct history_stats stats;

	hub_flush(f->hub);
	skip_all(a);
	skip_all(b);
	fault_arm(kind, 1, error, call);
	/* One turn, with a join, a line and the same message twice in it. */
	send_ref(f, a, "r1", "one");
	send_ref(f, b, "r2", "two");
	send_ref(f, b, "r2", "two");
	struct person *c = join(f, "carol", HUB_GATECAST);
	struct person *d = join(f, "dave", HUB_PLAIN);
	say(f, d, "a line");
	hub_flush(f->hub);
	assert_true(fault_has_struck());
	fault_disarm();
	history_get_stats(f->history, &stats);
	assert_true(stats.errors > 0);
	expect(a, UNAVAILABLE("r1"));
	expect(b, UNAVAILABLE("r2"));
	expect(b, UNAVAILABLE("r2"));
	expect_nothing(a);
	expect_nothing(b);
	expect_nothing(d);
	/* Until it is mended: reading, coming, going. */
	send_ref(f, a, "r1", "one");
	say(f, c, "{\"type\":\"history\"}");
	assert_int_equal(hub_notice(f->hub, "x", 1), -1);
	gone(f, d);
	hub_flush(f->hub);
	expect(a, UNAVAILABLE("r1"));
	expect_nothing(a);
	char *hello = fake_frame(&c->conn, &(uint8_t){0}, &(size_t){0});
	assert_non_null(strstr(hello, "\"seq\":2,"));
	free(hello);
	expect(c, "{\"type\":\"history\",\"messages\":[],\"more\":false}");
	/* It is tried, and does not succeed. */
	fault_arm(FAULT_ERROR, 1, ENOSPC, "pwrite");
	pass_time(f, 1000);
	assert_true(fault_has_struck());
	fault_disarm();
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	expect(a, UNAVAILABLE("r1"));
	expect_nothing(b);
	/* Space is back. Those who came meanwhile are told of. */
	pass_time(f, 2000);
	hub_flush(f->hub);
	for (int i = 0; i < 2; i++) {
		char *told = fake_frame(&b->conn, &(uint8_t){0}, &(size_t){0});
		assert_non_null(told);
		assert_non_null(strstr(told, "\"type\":\"join\",\"seq\":"));
		free(told);
	}
	skip_all(a);
	skip_all(b);
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	expect(a, ACK("r1", "5"));
	uint8_t first;
	size_t n;
	char *message = fake_frame(&b->conn, &first, &n);
	assert_non_null(message);
	restart(f);
	a = resume(f, "alice", FRESH_EPOCH, 4);
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	hello = fake_frame(&a->conn, &first, &n);
	assert_non_null(strstr(hello, "\"seq\":4,\"resumed\":true"));
	free(hello);
	expect(a, ACK("r1", "5"));
	expect(a, message);
	free(message);
}

static void
test_disk_full(void **state)
{
	mends_after(*state, FAULT_ERROR, ENOSPC, "pwrite");
}

/* What may be taken back is no history yet. */
static void
test_history_of_a_turn_that_fails(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_GATECAST);

	hub_flush(f->hub);
	skip_all(a);
	skip_all(b);
	fault_arm(FAULT_ERROR, 1, ENOSPC, "pwrite");
	send_ref(f, a, "r1", "one");
	say(f, b, "{\"type\":\"history\"}");
	hub_flush(f->hub);
	assert_true(fault_has_struck());
	fault_disarm();
	expect(b, "{\"type\":\"history\",\"messages\":[],\"more\":false}");
	expect_nothing(b);
}

static void
test_half_a_write(void **state)
{
	struct fake *f = *state;

	/* The rest follows: nothing was lost. */
	struct person *a = join(f, "alice", HUB_GATECAST);
	fault_arm(FAULT_SHORT, 1, ENOSPC, "pwrite");
	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	assert_true(fault_has_struck());
	fault_disarm();
	skip_all(a);
	restart(f);
	a = resume(f, "alice", FRESH_EPOCH, 1);
	hub_flush(f->hub);
	free(fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0}));
	expect(a, MESSAGE("2", "alice", "one"));
}

static void
test_sync_fails(void **state)
{
	struct fake *f = *state;

	f->config.wsd.history_sync = CONFIG_SYNC_ALWAYS;
	mends_after(f, FAULT_ERROR, EIO, "fdatasync");
}

/* What was refused is not there after a kill either. */
static void
test_killed_while_full(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	f->config.wsd.history_sync = CONFIG_SYNC_ALWAYS;
	hub_flush(f->hub);
	fault_arm(FAULT_ERROR, 1, EIO, "fdatasync");
	send_ref(f, a, "r1", "refused");
	hub_flush(f->hub);
	assert_true(fault_has_struck());
	fault_disarm();
	restart(f);
	a = resume(f, "alice", FRESH_EPOCH, 1);
	hub_flush(f->hub);
	free(fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0}));
	expect_nothing(a);
}

/* A start on a full disk is good enough for those who read. */
static void
test_start_on_a_full_disk(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	end(f);
	fault_arm(FAULT_ERROR, 1, ENOSPC, "pwrite");
	start(f);
	assert_true(fault_has_struck());
	fault_disarm();
	a = resume(f, "alice", FRESH_EPOCH, 1);
	send_ref(f, a, "r2", "two");
	hub_flush(f->hub);
	free(fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0}));
	expect(a, UNAVAILABLE("r2"));
	expect(a, MESSAGE("2", "alice", "one"));
	pass_time(f, 2000);
	send_ref(f, a, "r2", "two");
	hub_flush(f->hub);
	expect(a, ACK("r2", "3"));
}

/*
 * A failed renewal stops nobody while the old file takes what is said, and
 * for a second where the new one is in place, perhaps.
 */
static void
test_renewal_fails(void **state)
{
	struct fake *f = *state;
	struct person *a = join(f, "alice", HUB_GATECAST);

	hub_flush(f->hub);
	skip_all(a);
	f->config.wsd.history_age_s = 60;
	static const char *const calls[] = {
	    "pwrite", "fdatasync", "renameat", "fsync"};
	for (size_t i = 0; i < 4; i++) {
		fault_arm(FAULT_ERROR, 1, EIO, calls[i]);
		for (int s = 0; s < 200 && !fault_has_struck(); s++)
			pass_time(f, 1000);
		assert_true(fault_has_struck());
		fault_disarm();
		hub_pong(a->client);
		/* It may not be found after a power loss: a next one may. */
		if (strcmp(calls[i], "fsync") == 0) {
			hub_flush(f->hub);
			skip_all(a);
			send_ref(f, a, "r", "lost");
			hub_flush(f->hub);
			expect_part(a, "unavailable");
			pass_time(f, 1000);
			hub_pong(a->client);
		}
		send_text(f, a, calls[i]);
		hub_flush(f->hub);
		skip_all(a);
		say(f, a, "{\"type\":\"history\",\"limit\":1}");
		hub_flush(f->hub);
		char *h = fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0});
		assert_non_null(strstr(h, calls[i]));
		free(h);
		restart(f);
		a = join(f, "alice", HUB_GATECAST);
		say(f, a, "{\"type\":\"history\",\"limit\":1}");
		hub_flush(f->hub);
		h = fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0});
		assert_non_null(strstr(h, "\"epoch\":\"f00\""));
		free(h);
		h = fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0});
		assert_non_null(strstr(h, calls[i]));
		free(h);
		skip_all(a);
	}
}

static void
live(struct fake *f)
{
	start(f);
	struct person *a = join(f, "alice", HUB_GATECAST);
	send_ref(f, a, "r2", "two");
	hub_flush(f->hub);
	f->config.wsd.history_age_s = 1;
	pass_time(f, 62000);
	history_stop(f->history);
}

/* Reads on to the frame that has this in it. */
static bool
is_heard(struct person *p, const char *what)
{
	bool is_found = false;
	char *text;

	while (!is_found &&
	    (text = fake_frame(&p->conn, &(uint8_t){0}, &(size_t){0})) !=
		NULL) {
		is_found = strstr(text, what) != NULL;
		free(text);
	}
	return is_found;
}

static void
killed_at_each_call(struct fake *f, enum fault_kind kind)
{
	struct person *a = join(f, "alice", HUB_GATECAST);
	int status = 0;
	long n = 0;

	send_ref(f, a, "r1", "one");
	hub_flush(f->hub);
	do {
		end(f);
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			fault_arm(kind, ++n, 0, NULL);
			live(f);
			_exit(0);
		}
		n++;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		f->config.wsd.history_age_s = 0;
		start_as(f, 0xbad);
		a = resume(f, "alice", FRESH_EPOCH, 1);
		send_ref(f, a, "r1", "one");
		hub_flush(f->hub);
		assert_true(is_heard(a, "\"epoch\":\"f00\""));
		/* Perhaps behind a gap: the other has aged its history. */
		assert_true(is_heard(a, ACK("r1", "2")));
	} while (WIFSIGNALED(status));
	assert_in_range(n, 8, 40);
}

static void
test_killed_at_each_call(void **state)
{
	killed_at_each_call(*state, FAULT_KILL);
}

static void
test_torn_at_each_call(void **state)
{
	killed_at_each_call(*state, FAULT_TORN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    HISTORY_TEST(test_disk_full),
	    HISTORY_TEST(test_history_of_a_turn_that_fails),
	    HISTORY_TEST(test_half_a_write),
	    HISTORY_TEST(test_sync_fails),
	    HISTORY_TEST(test_killed_while_full),
	    HISTORY_TEST(test_start_on_a_full_disk),
	    HISTORY_TEST(test_renewal_fails),
	    HISTORY_TEST(test_killed_at_each_call),
	    HISTORY_TEST(test_torn_at_each_call),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
