/*
 * systemd's protocol: what arrives at the socket, and which descriptors are
 * believed to be ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int
bind_dgram(const char *name, size_t len)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd != -1);
	memcpy(sun.sun_path, name, len);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	    0);
	return fd;
}

static void
assert_arrives(int fd, const char *state)
{
	char got[256] = "";

	assert_int_equal(notify_send(state), 0);
	ssize_t n = recv(fd, got, sizeof(got), 0);
	assert_int_equal(n, strlen(state));
	assert_memory_equal(got, state, strlen(state));
}

static void
sends_to_path_and_abstract(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_notify.XXXXXX";
	char path[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	int fd = bind_dgram(path, strlen(path) + 1);
	setenv("NOTIFY_SOCKET", path, 1);
	assert_arrives(fd, "READY=1\nSTATUS=fine");
	assert_arrives(fd, "WATCHDOG=1");
	close(fd);
	assert_int_equal(notify_send("READY=1"), -1);
	assert_int_equal(errno, ECONNREFUSED);
	unlink(path);
	assert_int_equal(notify_send("READY=1"), -1);
	assert_int_equal(errno, ENOENT);
	rmdir(dir);

	char name[64];
	snprintf(name, sizeof(name), "@test_notify.%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	size_t len = strlen(name);
	name[0] = '\0';
	fd = bind_dgram(name, len);
	assert_arrives(fd, "STOPPING=1");
	close(fd);
}

static void
never_waits_for_a_full_queue(void **state)
{
	(void)state;
	char name[64];

	snprintf(name, sizeof(name), "@test_notify_full.%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	size_t len = strlen(name);
	name[0] = '\0';
	int fd = bind_dgram(name, len);
	int rc = 0;
	alarm(10); /* blocking fails the test */
	for (int i = 0; i < 1000000 && rc == 0; i++)
		rc = notify_send("WATCHDOG=1");
	alarm(0);
	assert_int_equal(rc, -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
}

static void
without_a_good_socket(void **state)
{
	(void)state;
	char path[200];

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 1);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_send("READY=1"), 1);
	static const char *const bad[] = {"relative", "@", "/", "vsock:2:3"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_int_equal(notify_send("READY=1"), -1);
		assert_int_equal(errno, EINVAL);
	}
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[108] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_send("READY=1"), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	path[107] = '\0'; /* fits; nobody there */
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_send("READY=1"), -1);
	assert_int_equal(errno, ENOENT);
	unsetenv("NOTIFY_SOCKET");
}

static void
watchdog(void **state)
{
	(void)state;
	char pid[32];

	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_PID", "x", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "-5", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_USEC");
}

/*
 * In a child with exactly the descriptors 3 and 4 open: what comes back, +1;
 * 100 and above: something besides the count is wrong.
 */
static int
listen_fds(const char *pid, const char *fds)
{
	pid_t child = fork();

	assert_true(child != -1);
	if (child == 0) {
		char own[32];
		int null = open("/dev/null", O_RDWR);
		if (null == -1 || dup2(null, 3) == -1 || dup2(null, 4) == -1)
			_exit(100);
		close_range(5, ~0U, 0);
		snprintf(own, sizeof(own), "%ld", (long)getpid());
		if (pid != NULL)
			setenv("LISTEN_PID",
			    strcmp(pid, "own") == 0 ? own : pid, 1);
		if (fds != NULL)
			setenv("LISTEN_FDS", fds, 1);
		setenv("LISTEN_FDNAMES", "a:b", 1);
		int n = notify_listen_fds();
		if (n == -1 && errno != EINVAL)
			_exit(101);
		if (getenv("LISTEN_PID") != NULL ||
		    getenv("LISTEN_FDS") != NULL ||
		    getenv("LISTEN_FDNAMES") != NULL)
			_exit(102);
		for (int fd = 3; fd < 3 + n; fd++)
			if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
				_exit(103);
		_exit(n + 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
passed_descriptors(void **state)
{
	(void)state;
	static const struct {
		const char *pid;
		const char *fds;
		int n;
	} table[] = {
	    {NULL, NULL, 0},
	    {"own", "2", 2},
	    {"own", "1", 1},
	    {"own", "0", 0},
	    {"1", "2", 0},
	    {"1", "nonsense", 0},
	    {"own", "3", -1}, /* 5 is not open */
	    {"own", NULL, -1},
	    {NULL, "2", -1},
	    {"own", "", -1},
	    {"", "2", -1},
	    {"own", "-1", -1},
	    {"own", "+2", -1},
	    {"own", "2 ", -1},
	    {"own", "0x2", -1},
	    {"own", "99999999999999999999", -1},
	    {"99999999999999999999", "2", -1},
	    {"x", "2", -1},
	};
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(
		    listen_fds(table[i].pid, table[i].fds), table[i].n + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sends_to_path_and_abstract),
	    cmocka_unit_test(never_waits_for_a_full_queue),
	    cmocka_unit_test(without_a_good_socket),
	    cmocka_unit_test(watchdog),
	    cmocka_unit_test(passed_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
