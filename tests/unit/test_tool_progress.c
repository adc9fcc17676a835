/* The line that says how far a command is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_progress.c"

static void
test_lines(void **state)
{
	static const struct {
		uint64_t done, total;
		int64_t elapsed_ms;
		size_t columns;
		const char *want;
	} cases[] = {
	    {0, 100, 0, 79, "at [....................]   0% 0/100 users"},
	    /* no rate in the first second */
	    {10, 100, 999, 79, "at [##..................]  10% 10/100 users"},
	    {10, 100, 1000, 79,
		"at [##..................]  10% 10/100 users, 10/s, 0:09 left"},
	    {1, 100000, 4000, 79,
		"at [....................]   0% 1/100000 users, 0/s, "
		"111:06:36 left"},
	    {100, 100, 61000, 79,
		"at [####################] 100% 100/100 users, 2/s, 1:01"},
	    /* more than was promised */
	    {101, 100, 500, 79, "at [####################] 100% 101/100 users"},
	    {7, 0, 500, 79, "at 7 users"},
	    {7, 0, 7000, 79, "at 7 users, 1/s, 0:07"},
	    /* what has no room is left out; no number is cut */
	    {10, 100, 1000, 50, "at [##..................]  10% 10/100 users"},
	    {10, 100, 1000, 39, "at [##..................]  10%"},
	    {10, 100, 1000, 29, "at  10%"},
	    {7, 0, 7000, 14, "at 7 users"},
	    {7, 0, 7000, 9, "at"},
	    {10, 100, 1000, 1, "a"},
	    {10, 100, 1000, 0, ""},
	    {UINT64_MAX, UINT64_MAX, INT64_MAX, 500, NULL},
	};
	char line[TOOL_PROGRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tool_progress p = {.what = "at",
		    .unit = "users",
		    .done = cases[i].done,
		    .total = cases[i].total};
		tool_progress_format(
		    &p, cases[i].elapsed_ms, cases[i].columns, line);
		if (cases[i].want != NULL)
			assert_string_equal(line, cases[i].want);
	}
}

/* Standard error is a pipe in a test run, or made one here. */
static void
test_silent(void **state)
{
	struct clock_manual clock;
	struct tool_progress p;
	int pipe_fds[2];
	char byte;

	(void)state;
	clock_manual_init(&clock, 0);
	assert_int_equal(pipe(pipe_fds), 0);
	int saved = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	tool_progress_begin(&p, &clock.clock, "at", "users", 2);
	clock_manual_advance(&clock, 1000);
	tool_progress_step(&p, 1);
	tool_progress_end(&p);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
