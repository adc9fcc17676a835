#include "fcgi-app/form.h"
#include "fcgi-app/intake.h"
#include "fcgi-app/lobby.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
enter(const struct lobby *l, int fd, size_t n, int64_t until_ms)
{
	struct buf records = BUF_INIT;

	assert_int_equal(buf_reserve(&records, n), 0);
	for (size_t i = 0; i < n; i++)
		buf_putc(&records, 'x');
	int rc = lobby_enter(l, fd, &records, until_ms);
	buf_fini(&records);
	return rc;
}

/* The size of the oldest's records; fd as it left. */
static size_t
leave(const struct lobby *l, int *fd)
{
	struct buf records = BUF_INIT;
	int64_t until_ms;

	assert_int_equal(lobby_leave(l, fd, &records, &until_ms), 0);
	size_t n = records.len;
	assert_int_equal(strspn(buf_str(&records), "x"), n);
	assert_true(fcntl(*fd, F_GETFD) & FD_CLOEXEC);
	buf_fini(&records);
	return n;
}

static void
test_order(void **state)
{
	struct buf none = BUF_INIT;
	struct lobby l;
	int64_t until_ms;
	int ends[2], fd;
	char c;

	(void)state;
	assert_int_equal(lobby_init(&l), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(lobby_look(&l, 0), LOBBY_EMPTY);
	assert_int_equal(lobby_leave(&l, &fd, &none, &until_ms), -1);
	buf_fini(&none);
	assert_int_equal(enter(&l, ends[1], 1, 100), 0);
	assert_int_equal(enter(&l, ends[1], 69000, 50), 0);
	/* It is the oldest alone that is looked at, however often. */
	assert_int_equal(lobby_look(&l, 99), LOBBY_WAITING);
	assert_int_equal(lobby_look(&l, 99), LOBBY_WAITING);
	assert_int_equal(lobby_look(&l, 100), LOBBY_OVERDUE);
	/* The lobby's descriptor is its own. */
	close(ends[1]);
	assert_int_equal(leave(&l, &fd), 1);
	assert_int_equal(write(fd, "y", 1), 1);
	close(fd);
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(leave(&l, &fd), 69000);
	close(fd);
	/* Nobody has a writing end any more. */
	assert_int_equal(read(ends[0], &c, 1), 0);
	assert_int_equal(lobby_look(&l, 1000), LOBBY_EMPTY);
	close(ends[0]);
	lobby_fini(&l);
}

static void
test_full(void **state)
{
	struct lobby l;
	int fd, count = 0;

	(void)state;
	assert_int_equal(lobby_init(&l), 0);
	/* Too large for anybody's. */
	assert_int_equal(enter(&l, STDERR_FILENO,
			     INTAKE_PARAMS_BYTES_MAX + FORM_BODY_MAX + 257, 0),
	    -1);
	while (enter(&l, STDERR_FILENO, 3000, 0) == 0 && count < 10000)
		count++;
	assert_in_range(count, 40, 200);
	leave(&l, &fd);
	close(fd);
	assert_int_equal(enter(&l, STDERR_FILENO, 3000, 0), 0);
	/* What still waits is closed with it. */
	lobby_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
