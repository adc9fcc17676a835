#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/sendoff.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES ((size_t)300000) /* more than a socket takes at once */

struct world {
	struct loop *loop;
	struct clock_manual clock;
	struct sendoffs *s;
};

static int
setup(void **state)
{
	static struct world w;

	w.loop = loop_new();
	clock_manual_init(&w.clock, 0);
	w.s = sendoffs_new(w.loop, &w.clock.clock);
	*state = &w;
	return w.loop == NULL || w.s == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	sendoffs_free(w->s);
	loop_free(w->loop);
	return 0;
}

/* Adds n bytes that count up. The end that reads them. */
static int
add(struct world *w, size_t n)
{
	struct buf out = BUF_INIT;
	int small = 4608, fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(
	    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)(i % 251);
		assert_int_equal(buf_append(&out, &c, 1), 0);
	}
	sendoffs_add(w->s, fd[0], &out);
	assert_int_equal(out.len, 0);
	return fd[1];
}

/* Reads on until the end or until nothing is there. How much there was. */
static size_t
take(int fd, size_t from, bool *is_end)
{
	uint8_t bytes[1000];
	size_t at = from;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			assert_int_equal(bytes[i], at % 251);
	*is_end = n == 0;
	return at - from;
}

static void
test_slow_reader_gets_all(void **state)
{
	struct world *w = *state;
	int fd = add(w, BYTES);
	bool is_end = false;
	size_t got = 0;
	int rounds = 0;

	assert_int_equal(sendoffs_count(w->s), 1);
	for (; !is_end; rounds++) {
		assert_true(rounds < 10000);
		got += take(fd, got, &is_end);
		loop_run_once(w->loop);
	}
	assert_true(rounds > 2);
	assert_int_equal(got, BYTES);
	assert_int_equal(sendoffs_count(w->s), 0);
	close(fd);
}

static void
test_nothing_is_kept_for_who_takes_all(void **state)
{
	struct world *w = *state;
	bool is_end;
	int fd = add(w, 1000);

	assert_int_equal(sendoffs_count(w->s), 0);
	assert_int_equal(take(fd, 0, &is_end), 1000);
	assert_true(is_end);
	close(fd);
}

static void
test_time_is_over(void **state)
{
	struct world *w = *state;
	bool is_end;
	int fd = add(w, BYTES);

	clock_manual_advance(&w->clock, SENDOFF_MS - 1);
	sendoffs_tick(w->s);
	assert_int_equal(sendoffs_count(w->s), 1);
	clock_manual_advance(&w->clock, 1);
	sendoffs_tick(w->s);
	assert_int_equal(sendoffs_count(w->s), 0);
	assert_true(take(fd, 0, &is_end) < BYTES);
	assert_true(is_end);
	close(fd);
}

static void
test_reader_goes_away(void **state)
{
	struct world *w = *state;

	close(add(w, BYTES));
	for (int i = 0; i < 10; i++)
		loop_run_once(w->loop);
	assert_int_equal(sendoffs_count(w->s), 0);
}

static void
test_the_oldest_goes(void **state)
{
	struct world *w = *state;
	bool is_end;
	int fd[SENDOFF_MAX + 1];

	for (size_t i = 0; i <= SENDOFF_MAX; i++)
		fd[i] = add(w, 20000);
	assert_int_equal(sendoffs_count(w->s), SENDOFF_MAX);
	for (size_t i = 0; i <= SENDOFF_MAX; i++) {
		take(fd[i], 0, &is_end);
		assert_int_equal(is_end, i == 0);
		close(fd[i]);
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_slow_reader_gets_all),
	    CASE(test_nothing_is_kept_for_who_takes_all),
	    CASE(test_time_is_over),
	    CASE(test_reader_goes_away),
	    CASE(test_the_oldest_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
