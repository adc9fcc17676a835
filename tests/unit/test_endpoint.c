/* Sockets by name: what is taken, what is refused, and whose file it is. */
#include "base/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_dir.h"

#define TAKEN_MAX 8

static char dir[] = "/tmp/gatecast-endpoint-XXXXXX";
static struct sockaddr_un sun = {.sun_family = AF_UNIX};
static char name[sizeof(sun.sun_path) + 8]; /* unix:DIR/s */

static struct endpoint taken[TAKEN_MAX];
static size_t n_taken;
static bool is_refused; /* by the one who is offered it */

/* Whether another process would have to wait for the name. */
static bool
is_locked(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	int rc = flock(fd, LOCK_EX | LOCK_NB);
	int saved = errno;

	close(fd);
	return rc == -1 && saved == EWOULDBLOCK;
}

static int
take(void *arg, const struct endpoint *e, struct buf *error)
{
	assert_ptr_equal(arg, taken);
	if (is_refused) {
		buf_puts(error, "not wanted\n");
		return -1;
	}
	assert_true(n_taken < TAKEN_MAX);
	if (e->path != NULL)
		assert_true(is_locked());
	assert_int_equal(listen(e->fd, 64), 0);
	taken[n_taken++] = *e;
	return 0;
}

static void
close_all(void)
{
	while (n_taken > 0)
		endpoint_close(&taken[--n_taken]);
}

/* What is said about it; "" when it is taken. */
static const char *
said(const char *where)
{
	static char text[512];
	struct buf error = BUF_INIT;

	int rc = endpoint_open(where, take, taken, &error);
	assert_int_equal(rc, error.len > 0 ? -1 : 0);
	assert_true(error.len < sizeof(text));
	strcpy(text, buf_str(&error));
	buf_fini(&error);
	return text;
}

static bool
is_there(void)
{
	struct stat st;

	return lstat(sun.sun_path, &st) == 0;
}

/* Who is left when nobody comes to unlink: as after kill -9. */
static void
leave_behind(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
}

static void
unix_socket(void **state)
{
	struct stat st;

	(void)state;
	assert_string_equal(said(name), "");
	assert_int_equal(n_taken, 1);
	assert_string_equal(taken[0].path, sun.sun_path);
	assert_false(is_locked());
	assert_int_equal(stat(sun.sun_path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	/* One that answers stays whose it is. */
	assert_non_null(strstr(said(name), "another process is listening"));
	assert_true(is_there());
	close_all();
	assert_false(is_there());
}

static void
left_behind(void **state)
{
	(void)state;
	leave_behind();
	assert_string_equal(said(name), "");
	close_all();
	assert_false(is_there());
}

static void
no_socket(void **state)
{
	char target[] = "elsewhere";

	(void)state;
	assert_int_equal(symlink(target, sun.sun_path), 0);
	assert_non_null(strstr(said(name), "is not a socket"));
	assert_true(is_there());
	assert_int_equal(unlink(sun.sun_path), 0);
	assert_int_equal(mkdir(sun.sun_path, 0700), 0);
	assert_non_null(strstr(said(name), "is not a socket"));
	assert_int_equal(rmdir(sun.sun_path), 0);
}

static void
somebody_elses(void **state)
{
	(void)state;
	assert_string_equal(said(name), "");
	/* The file of another one by now. */
	assert_int_equal(rename(sun.sun_path, "moved"), 0);
	leave_behind();
	close_all();
	assert_true(is_there());
	assert_int_equal(unlink(sun.sun_path), 0);
	assert_int_equal(unlink("moved"), 0);
}

static void
not_taken(void **state)
{
	(void)state;
	is_refused = true;
	assert_string_equal(said(name), "not wanted\n");
	assert_false(is_there());
	assert_non_null(strstr(said("127.0.0.1:0"), "not wanted"));
	is_refused = false;
}

/* Many at once find a dead one: one gets its place, and keeps it. */
static void
at_once(void **state)
{
	enum {
		RACERS = 8
	};
	int start[2], result[2], end[2], winners = 0, status;
	struct buf error = BUF_INIT;
	char byte;

	(void)state;
	leave_behind();
	assert_int_equal(pipe(start), 0);
	assert_int_equal(pipe(result), 0);
	assert_int_equal(pipe(end), 0);
	for (size_t i = 0; i < RACERS; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid > 0)
			continue;
		close(start[1]);
		close(end[1]);
		(void)!read(start[0], &byte, 1);
		byte = endpoint_open(name, take, taken, &error) == 0;
		(void)!write(result[1], &byte, 1);
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	close(start[1]);
	for (size_t i = 0; i < RACERS; i++) {
		assert_int_equal(read(result[0], &byte, 1), 1);
		winners += byte;
	}
	assert_int_equal(winners, 1);
	assert_non_null(strstr(said(name), "another process is listening"));
	close(end[1]);
	for (size_t i = 0; i < RACERS; i++)
		assert_true(wait(&status) > 0);
	close(start[0]);
	close(result[0]);
	close(result[1]);
	close(end[0]);
	assert_int_equal(unlink(sun.sun_path), 0);
}

static int
family(size_t i)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);

	assert_int_equal(
	    getsockname(taken[i].fd, (struct sockaddr *)&ss, &n), 0);
	return ss.ss_family;
}

static void
tcp(void **state)
{
	char again[32];
	struct sockaddr_in sin;
	socklen_t n = sizeof(sin);

	(void)state;
	assert_string_equal(said("127.0.0.1:0"), "");
	assert_int_equal(n_taken, 1);
	assert_null(taken[0].path);
	assert_int_equal(
	    getsockname(taken[0].fd, (struct sockaddr *)&sin, &n), 0);
	assert_int_equal(sin.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	snprintf(again, sizeof(again), "127.0.0.1:%d", ntohs(sin.sin_port));
	assert_non_null(strstr(said(again), strerror(EADDRINUSE)));
	close_all();
	/* All addresses: IPv4, and IPv6 beside it where there is such. */
	assert_string_equal(said("*:0"), "");
	bool has_v4 = false;
	for (size_t i = 0; i < n_taken; i++)
		has_v4 = has_v4 || family(i) == AF_INET;
	assert_true(has_v4);
	close_all();
}

static void
tcp_v6(void **state)
{
	int is_v6_only = 0;
	socklen_t n = sizeof(is_v6_only);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	(void)state;
	if (fd == -1)
		skip();
	close(fd);
	assert_string_equal(said("[::1]:0"), "");
	assert_int_equal(n_taken, 1);
	assert_int_equal(family(0), AF_INET6);
	assert_int_equal(
	    getsockopt(taken[0].fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_v6_only, &n),
	    0);
	assert_true(is_v6_only);
	close_all();
}

static void
bad_names(void **state)
{
	static const char *const names[] = {"", "80", ":80", "[]:80",
	    "unix:", "127.0.0.1:http", "127.0.0.1:x", "unix:/nowhere-at-all/s",
	    "no.such.host.invalid:80"};
	char text[sizeof(sun.sun_path) + 6];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (said(names[i])[0] == '\0')
			fail_msg("\"%s\" was taken", names[i]);
	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:/", 6);
	text[sizeof(text) - 1] = '\0';
	assert_non_null(strstr(said(text), "1 to 107 bytes"));
	assert_int_equal(n_taken, 0);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return -1;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	snprintf(name, sizeof(name), "unix:%s", sun.sun_path);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") == -1 ? -1 : temp_dir_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unix_socket),
	    cmocka_unit_test(left_behind),
	    cmocka_unit_test(no_socket),
	    cmocka_unit_test(somebody_elses),
	    cmocka_unit_test(not_taken),
	    cmocka_unit_test(at_once),
	    cmocka_unit_test(tcp),
	    cmocka_unit_test(tcp_v6),
	    cmocka_unit_test(bad_names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
