#include "fcgi-app/intakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS 5000
#define BODY_MAX 64

/* A POST of "a=b" with one parameter, in records; its id is 1. */
static const uint8_t request[] = {
    1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, /* begin */
    1, 4, 0, 1, 0, 4, 0, 0, 1, 1, 'N', 'V', /* parameters */
    1, 4, 0, 1, 0, 0, 0, 0, /* their end */
    1, 5, 0, 1, 0, 3, 0, 0, 'a', '=', 'b', /* body */
    1, 5, 0, 1, 0, 0, 0, 0, /* its end */
};

static struct intakes t;
static struct clock_manual now;

static int
setup(void **state)
{
	(void)state;
	clock_manual_init(&now, 0);
	intakes_init(&t, &now.clock, TIMEOUT_MS, BODY_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	intakes_fini(&t);
	return 0;
}

/* A connection that the table reads from; its other end. */
static int
join(void)
{
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	intakes_add(&t, ends[0]);
	return ends[1];
}

static void
say(int peer, const void *bytes, size_t n)
{
	assert_int_equal(write(peer, bytes, n), n);
}

/* What a worker does when it has nothing else to do. */
static void
look(void)
{
	struct pollfd p[INTAKES_MAX];
	size_t n = intakes_watch(&t, p);

	assert_int_equal(n, t.count);
	assert_return_code(poll(p, n, 0), errno);
	intakes_read(&t, p);
}

/* Whether the table has closed its end; closes ours if so. */
static bool
is_closed(int peer)
{
	char c;
	ssize_t n = read(peer, &c, 1);

	if (n == -1 && errno == EAGAIN)
		return false;
	/* Reset, where it was closed with something unread. */
	assert_true(n == 0 || (n == -1 && errno == ECONNRESET));
	close(peer);
	return true;
}

/* One complete request leaves the table; it came from that peer. */
static void
assert_taken(int peer)
{
	struct intake in;
	int fd;
	char c;

	assert_true(intakes_take(&t, &fd, &in));
	assert_int_equal(in.params.len, 4);
	assert_string_equal(buf_str(&in.body), "a=b");
	intake_fini(&in);
	assert_int_equal(write(fd, "!", 1), 1);
	close(fd);
	assert_int_equal(read(peer, &c, 1), 1);
	close(peer);
}

static void
assert_none_complete(void)
{
	struct intake in;
	int fd;

	assert_false(intakes_take(&t, &fd, &in));
}

static void
test_in_any_order(void **state)
{
	int silent = join(), half = join(), late = join(), whole = join();

	(void)state;
	say(half, request, 20);
	say(whole, request, sizeof(request));
	look();
	assert_taken(whole);
	assert_none_complete();
	assert_int_equal(t.count, 3);
	say(late, request, sizeof(request));
	say(half, request + 20, sizeof(request) - 20);
	look();
	/* Who came first. */
	assert_taken(half);
	assert_taken(late);
	assert_none_complete();
	assert_int_equal(t.count, 1);
	assert_false(is_closed(silent));
	close(silent);
	look();
	assert_int_equal(t.count, 0);
}

static void
test_deadline(void **state)
{
	int first = join();

	(void)state;
	assert_int_equal(intakes_wait_ms(&t, -1), TIMEOUT_MS);
	assert_int_equal(intakes_wait_ms(&t, 20), 20);
	clock_manual_advance(&now, 1000);
	int second = join();
	assert_int_equal(intakes_wait_ms(&t, -1), TIMEOUT_MS - 1000);
	/* A byte now and then wins no time. */
	for (int i = 0; i < 4; i++) {
		say(first, request + i, 1);
		look();
		clock_manual_advance(&now, 1000);
	}
	assert_int_equal(intakes_wait_ms(&t, -1), 0);
	say(first, request + 4, 1);
	look();
	assert_true(is_closed(first));
	assert_false(is_closed(second));
	assert_int_equal(intakes_wait_ms(&t, -1), 1000);
	/* The worker was busy meanwhile: what has come is not late. */
	clock_manual_advance(&now, 10000);
	assert_int_equal(intakes_wait_ms(&t, -1), 0);
	say(second, request, sizeof(request));
	look();
	assert_taken(second);
	assert_int_equal(intakes_wait_ms(&t, -1), -1);
}

static void
test_full(void **state)
{
	int peers[INTAKES_MAX];

	(void)state;
	for (size_t i = 0; i < INTAKES_MAX; i++) {
		peers[i] = join();
		clock_manual_advance(&now, 1);
	}
	say(peers[0], request, 30);
	look();
	assert_int_equal(t.count, INTAKES_MAX);
	int whole = join();
	assert_int_equal(t.count, INTAKES_MAX);
	assert_true(is_closed(peers[0]));
	say(whole, request, sizeof(request));
	look();
	assert_taken(whole);
	for (size_t i = 1; i < INTAKES_MAX; i++) {
		assert_false(is_closed(peers[i]));
		close(peers[i]);
	}
	look();
	assert_int_equal(t.count, 0);
}

static void
test_no_request(void **state)
{
	int garbage = join(), gone = join(), half = join();

	(void)state;
	say(garbage, "GET / HTTP/1.1\r\n\r\n", 18);
	close(gone);
	say(half, request, 20);
	close(half);
	look();
	assert_true(is_closed(garbage));
	assert_int_equal(t.count, 0);
	assert_none_complete();
}

/* Records that are of no use have an end, whatever their speed. */
static void
test_endless(void **state)
{
	static uint8_t noise[65536];
	int peer = join(), size = 1 << 20;
	size_t sent = 0;

	(void)state;
	setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	noise[0] = 1;
	noise[1] = 5; /* of a request that nobody has begun, 65528 bytes */
	noise[3] = 2;
	noise[4] = 0xff;
	noise[5] = 0xf8;
	while (t.count == 1 && sent < 4 * INTAKES_BYTES_MAX) {
		say(peer, noise, sizeof(noise));
		sent += sizeof(noise);
		look();
	}
	assert_in_range(sent, INTAKES_BYTES_MAX, INTAKES_BYTES_MAX + 65536);
	assert_true(is_closed(peer));
}

static void
test_linger(void **state)
{
	int peer = join(), quiet = join(), fd;
	struct intake in;

	(void)state;
	say(peer, request, sizeof(request));
	say(quiet, request, sizeof(request));
	look();
	for (int i = 0; i < 2; i++) {
		assert_true(intakes_take(&t, &fd, &in));
		intake_fini(&in);
		intakes_linger(&t, fd);
	}
	assert_int_equal(t.count, 2);
	assert_int_equal(intakes_wait_ms(&t, -1), INTAKES_LINGER_MS);
	/* It may send a whole request more: it has had its answer. */
	say(peer, request, sizeof(request));
	look();
	assert_none_complete();
	assert_int_equal(t.count, 2);
	/* Told that the answer is complete. */
	char c;
	assert_int_equal(read(peer, &c, 1), 0);
	close(peer);
	look();
	assert_int_equal(t.count, 1);
	clock_manual_advance(&now, INTAKES_LINGER_MS);
	look();
	assert_int_equal(t.count, 0);
	close(quiet);
}

/* What the protocol has an answer for, and no request of ours. */
static void
test_refused(void **state)
{
	static const uint8_t begin[] = {
	    1, 1, 0, 1, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0};
	uint8_t end[17];
	int peer = join(), gone = join();

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	say(peer, begin, sizeof(begin));
	say(gone, begin, sizeof(begin));
	close(gone);
	look();
	assert_none_complete();
	assert_int_equal(t.count, 1);
	assert_int_equal(read(peer, end, sizeof(end)), 16);
	assert_int_equal(end[1], 3);
	assert_int_equal(end[12], 3); /* FCGI_UNKNOWN_ROLE */
	assert_int_equal(read(peer, end, 1), 0);
	say(peer, request, sizeof(request));
	look();
	assert_none_complete();
	assert_int_equal(intakes_wait_ms(&t, -1), INTAKES_LINGER_MS);
	close(peer);
	look();
	assert_int_equal(t.count, 0);
}

/* Who has been answered goes before one who has not, if he has less time. */
static void
test_full_of_answered(void **state)
{
	int answered = join(), fd;
	int peers[INTAKES_MAX];
	struct intake in;

	(void)state;
	for (size_t i = 1; i < INTAKES_MAX; i++)
		peers[i] = join();
	say(answered, request, sizeof(request));
	look();
	assert_true(intakes_take(&t, &fd, &in));
	intake_fini(&in);
	intakes_linger(&t, fd);
	peers[0] = join();
	assert_int_equal(t.count, INTAKES_MAX);
	assert_true(is_closed(answered));
	for (size_t i = 0; i < INTAKES_MAX; i++) {
		assert_false(is_closed(peers[i]));
		close(peers[i]);
	}
}

static void
test_hurry(void **state)
{
	int early = join();

	(void)state;
	clock_manual_advance(&now, TIMEOUT_MS - 100);
	int late = join();
	intakes_hurry(&t, 1000);
	assert_int_equal(intakes_wait_ms(&t, -1), 100);
	clock_manual_advance(&now, 100);
	look();
	assert_true(is_closed(early));
	assert_int_equal(intakes_wait_ms(&t, -1), 900);
	/* A complete one is still taken. */
	say(late, request, sizeof(request));
	look();
	assert_taken(late);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_in_any_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_request, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_linger, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_full_of_answered, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hurry, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
