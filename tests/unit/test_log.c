/*
 * Log lines as another process sees them: stderr is a socket that keeps
 * writes apart, so "one line is one write" can be seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int near_end = -1; /* stands in for stderr */
static int far_end = -1;
static int real_stderr = -1;
static char line[8192];

static int
set_up(void **state)
{
	(void)state;
	int fds[2];

	unsetenv("JOURNAL_STREAM");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == -1)
		return -1;
	near_end = fds[0];
	far_end = fds[1];
	real_stderr = dup(STDERR_FILENO);
	dup2(near_end, STDERR_FILENO);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(near_end);
	close(far_end);
	return 0;
}

/* The next write, or "" when there was none. */
static const char *
next(void)
{
	ssize_t n = recv(far_end, line, sizeof(line) - 1, 0);
	line[n < 0 ? 0 : n] = '\0';
	return line;
}

static void
init(enum log_level level, bool has_audit, bool has_priority)
{
	const struct log_opts opts = {
	    .ident = "test",
	    .level = level,
	    .has_audit = has_audit,
	    .has_priority = has_priority,
	};
	log_init(&opts);
}

static void
priorities(void **state)
{
	(void)state;
	init(LOG_LEVEL_DEBUG, false, true);
	log_err("e %d", 1);
	assert_string_equal(next(), "<3>e 1\n");
	log_warn("w");
	assert_string_equal(next(), "<4>w\n");
	log_notice("n");
	assert_string_equal(next(), "<5>n\n");
	log_info("i");
	assert_string_equal(next(), "<6>i\n");
	log_debug("d");
	assert_string_equal(next(), "<7>d\n");
	assert_string_equal(next(), "");
}

static void
levels_and_a_second_init(void **state)
{
	(void)state;
	init(LOG_LEVEL_WARN, false, true);
	log_notice("n");
	log_info("i");
	log_debug("d");
	assert_string_equal(next(), "");
	log_warn("w");
	assert_string_equal(next(), "<4>w\n");
	init(LOG_LEVEL_INFO, false, true);
	log_info("i");
	assert_string_equal(next(), "<6>i\n");
	log_debug("d");
	assert_string_equal(next(), "");
}

static void
errno_is_told_and_kept(void **state)
{
	(void)state;
	char want[200];

	init(LOG_LEVEL_INFO, true, true);
	errno = ENOSPC;
	log_err_errno("cannot write %s", "x");
	assert_int_equal(errno, ENOSPC);
	snprintf(
	    want, sizeof(want), "<3>cannot write x: %s\n", strerror(ENOSPC));
	assert_string_equal(next(), want);
	errno = EPERM;
	log_warn_errno("w");
	assert_int_equal(errno, EPERM);
	snprintf(want, sizeof(want), "<4>w: %s\n", strerror(EPERM));
	assert_string_equal(next(), want);
	/* Even when the line cannot be written. */
	int kept = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_err("lost");
	log_audit("lost", NULL, 0);
	assert_int_equal(errno, ENOENT);
	dup2(kept, STDERR_FILENO);
	close(kept);
}

static void
journal_is_recognised(void **state)
{
	(void)state;
	struct stat st;
	char env[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(env, sizeof(env), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", env, 1);
	init(LOG_LEVEL_INFO, false, false);
	log_info("x");
	assert_string_equal(next(), "<6>x\n");

	/* Somebody's journal, but not our stderr. */
	snprintf(env, sizeof(env), "%llu:%llu",
	    (unsigned long long)st.st_dev + 1, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", env, 1);
	init(LOG_LEVEL_INFO, false, false);
	log_info("x");
	assert_true(next()[0] != '<');
	snprintf(env, sizeof(env), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + 1);
	static const char *const others[] = {"", "1", "1:", ":1", "a:b"};
	for (size_t i = 0; i <= sizeof(others) / sizeof(others[0]); i++) {
		setenv("JOURNAL_STREAM", i == 0 ? env : others[i - 1], 1);
		init(LOG_LEVEL_INFO, false, false);
		log_info("x");
		assert_true(next()[0] != '<');
	}
	unsetenv("JOURNAL_STREAM");
}

static void
a_person_gets_time_and_name(void **state)
{
	(void)state;
	char want[64];
	char mark[2];

	init(LOG_LEVEL_INFO, false, false);
	log_warn("careful");
	next();
	assert_int_equal(
	    sscanf(line, "%*4d-%*2d-%*2d %*2d:%*2d:%*2d %1[t]", mark), 1);
	snprintf(want, sizeof(want), " test[%ld]: warning: careful\n",
	    (long)getpid());
	assert_string_equal(line + 19, want);
	log_info("fine");
	snprintf(want, sizeof(want), " test[%ld]: fine\n", (long)getpid());
	assert_string_equal(next() + 19, want);
}

static void
nobody_forges_a_line(void **state)
{
	(void)state;
	init(LOG_LEVEL_INFO, false, true);
	log_info("user=%s", "x\n<3>forged\r\x1b[2J\x7f");
	assert_string_equal(
	    next(), "<6>user=x\\x0a<3>forged\\x0d\\x1b[2J\\x7f\n");
	assert_string_equal(next(), "");
}

static void
long_lines_are_cut(void **state)
{
	(void)state;
	static char text[10000];
	size_t n;

	memset(text, 'a', sizeof(text) - 1);
	init(LOG_LEVEL_INFO, true, true);
	log_info("%s", text);
	n = strlen(next());
	assert_in_range(n, 2000, 4096);
	assert_string_equal(line + n - 5, "a...\n");
	assert_string_equal(next(), "");

	/* Every byte four times as long, and an errno that still shows. */
	memset(text, '\n', sizeof(text) - 1);
	errno = EIO;
	log_err_errno("%s", text);
	n = strlen(next());
	assert_in_range(n, 2000, 4096);
	assert_int_equal(line[n - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_string_equal(next(), "");

	const struct log_field field = {"v", text, SIZE_MAX};
	const struct log_field fields[] = {field, field, field};
	/* One long value leaves room for the others. */
	log_audit("e", fields, 3);
	n = strlen(next());
	assert_in_range(n, 1200, 1300);
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_string_equal(line + n - 9, "\\x0a...\"\n");
	assert_string_equal(next(), "");
}

static void
audit_lines(void **state)
{
	(void)state;
	const struct log_field fields[] = {
	    {"user", "alice", SIZE_MAX},
	    {"from", "2001:db8::1", SIZE_MAX},
	    {"why", NULL, SIZE_MAX},
	    {"next", "/a b", SIZE_MAX},
	    {"empty", "", SIZE_MAX},
	    {"part", "abcdef", 3},
	    {"nul", "a\0b", 3},
	    {"quote", "say \"hi\" \\ x=1 event=2", SIZE_MAX},
	    {"name", "\xe7\x8e\x8b", SIZE_MAX},
	    {"line", "a\nb", SIZE_MAX},
	};

	init(LOG_LEVEL_ERR, true, true); /* audit is not a matter of level */
	log_audit("login.ok", fields, sizeof(fields) / sizeof(fields[0]));
	assert_string_equal(next(),
	    "<5>audit event=login.ok user=alice from=2001:db8::1 "
	    "next=\"/a b\" empty=\"\" part=abc nul=\"a\\x00b\" "
	    "quote=\"say \\x22hi\\x22 \\x5c x=1 event=2\" "
	    "name=\"\xe7\x8e\x8b\" line=\"a\\x0ab\"\n");
	log_audit("none", NULL, 0);
	assert_string_equal(next(), "<5>audit event=none\n");
	init(LOG_LEVEL_DEBUG, false, true);
	log_audit("none", NULL, 0);
	assert_string_equal(next(), "");
}

static void
escapes(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		const char *out;
	} table[] = {
	    {"plain text, 100%", "plain text, 100%"}, {"\t", "\\x09"},
	    {"\\x0a", "\\x5cx0a"}, {"\x7f", "\\x7f"},
	    {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
		"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80"},
	    {"\x80", "\\x80"}, /* alone */
	    {"\xc3", "\\xc3"}, /* cut */
	    {"\xe4\xb8", "\\xe4\\xb8"}, {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
	    {"\xc3(", "\\xc3("}, {"\xc0\xaf", "\\xc0\\xaf"}, /* overlong */
	    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
	    {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond */
	    {"\xff\xfe", "\\xff\\xfe"},
	    {"\xc2\x85", "\\xc2\\x85"}, /* C1: next line */
	    {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"}, /* U+2028 */
	    {"\xe2\x80\xae", "\\xe2\\x80\\xae"}, /* U+202E, reorders */
	    {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"}, /* U+2066, reorders */
	    {"\xe2\x80\x8b", "\\xe2\\x80\\x8b"}, /* U+200B, invisible */
	    {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"}, /* U+FEFF */
	    {"\xef\xbf\xbf", "\\xef\\xbf\\xbf"}, /* U+FFFF */
	    {"\xe2\x80\x90", "\xe2\x80\x90"}, /* U+2010, a hyphen */
	};
	char out[200];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = log_escape(
		    table[i].in, strlen(table[i].in), out, sizeof(out));
		assert_string_equal(out, table[i].out);
		assert_int_equal(n, strlen(table[i].out));
	}
	assert_int_equal(log_escape("a\0b", 3, out, sizeof(out)), 6);
	assert_string_equal(out, "a\\x00b");
}

static void
escapes_are_cut_whole(void **state)
{
	(void)state;
	static const char in[] = "a\n\xe4\xb8\xad";
	static const size_t len[] = {0, 0, 1, 1, 1, 1, 5, 5, 5, 8, 8};
	char out[16];

	for (size_t size = 0; size < sizeof(len) / sizeof(len[0]); size++) {
		memset(out, '#', sizeof(out));
		assert_int_equal(log_escape(in, 5, out, size), len[size]);
		if (size > 0)
			assert_int_equal(out[len[size]], '\0');
		for (size_t i = size; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
	}
}

static void
lines_of_a_text(void **state)
{
	(void)state;

	init(LOG_LEVEL_INFO, false, true);
	log_lines(log_warn, "reload", "one\n\ntwo");
	assert_string_equal(next(), "<4>reload: one\n");
	assert_string_equal(next(), "<4>reload: \n");
	assert_string_equal(next(), "<4>reload: two\n");
	assert_string_equal(next(), "");
	log_lines(log_err, NULL, "one\n");
	assert_string_equal(next(), "<3>one\n");
	assert_string_equal(next(), "");
	log_lines(log_err, NULL, "");
	assert_string_equal(next(), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(priorities),
	    TEST(levels_and_a_second_init),
	    TEST(errno_is_told_and_kept),
	    TEST(journal_is_recognised),
	    TEST(a_person_gets_time_and_name),
	    TEST(nobody_forges_a_line),
	    TEST(long_lines_are_cut),
	    TEST(lines_of_a_text),
	    TEST(audit_lines),
	    cmocka_unit_test(escapes),
	    cmocka_unit_test(escapes_are_cut_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
