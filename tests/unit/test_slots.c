#include "fcgi-app/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that takes a slot, says which, and holds it until killed. */
static pid_t
hold(const struct slots *s, int *slot)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int mine = slots_take(s);
		if (write(ends[1], &mine, sizeof(mine)) == sizeof(mine))
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], slot, sizeof(*slot)), sizeof(*slot));
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
test_killed_holder(void **state)
{
	struct slots s;
	int a, b, c;

	(void)state;
	assert_int_equal(slots_init(&s, NULL, 2), 0);
	pid_t first = hold(&s, &a);
	pid_t second = hold(&s, &b);
	assert_true(a != -1 && b != -1 && a != b);
	pid_t third = hold(&s, &c);
	assert_int_equal(c, -1);
	end(third);
	assert_int_equal(slots_take(&s), -1);
	/* The kernel gives back what a dead process held. */
	end(first);
	assert_int_equal(slots_take(&s), a);
	third = hold(&s, &c);
	assert_int_equal(c, -1);
	end(third);
	slots_release(&s, a);
	third = hold(&s, &c);
	assert_int_equal(c, a);
	end(third);
	end(second);
	slots_fini(&s);
}

static void
test_file(void **state)
{
	char dir[] = "/tmp/gatecast-slots-XXXXXX";
	char path[64];
	struct slots s, other;
	int slot;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/login.slots", dir);
	assert_int_equal(slots_init(&s, dir, 1), 0);
	pid_t pid = hold(&s, &slot);
	assert_int_equal(slot, 0);
	assert_int_equal(slots_init(&other, dir, 1), 0);
	assert_int_equal(slots_take(&other), -1);
	end(pid);
	assert_int_equal(slots_take(&other), 0);
	slots_fini(&other);
	slots_fini(&s);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	/* No such directory: in memory after all. */
	assert_int_equal(slots_init(&s, dir, 1), 0);
	slots_fini(&s);
}

static void
test_count(void **state)
{
	(void)state;
	assert_int_equal(slots_count(4, 0), 3);
	assert_int_equal(slots_count(1, 0), 1);
	assert_int_equal(slots_count(2, 0), 1);
	assert_int_equal(slots_count(4, 9), 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_killed_holder),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
