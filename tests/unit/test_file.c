/*
 * Files: everything that is not a plain file of allowed size and mode is
 * refused without blocking; a replacement is whole or has not happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/test_file.XXXXXX";

/* A path inside dir; valid until the second next call. */
static const char *
in_dir(const char *name)
{
	static char paths[2][256];
	static int turn;

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", dir, name);
	return paths[turn];
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd != -1);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
assert_content(const char *name, const char *text)
{
	struct buf b = BUF_INIT;
	assert_int_equal(file_read(in_dir(name), 100000, 0, &b), FILE_OK);
	assert_string_equal(buf_str(&b), text);
	buf_fini(&b);
}

static int
count_entries(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static int
set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	DIR *d = opendir(dir);
	struct dirent *e;

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (unlinkat(dirfd(d), e->d_name, 0) == -1)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	closedir(d);
	return rmdir(dir);
}

static void
reads_up_to_max(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;

	put("f", "0123456789", 0600);
	buf_puts(&b, "before ");
	assert_int_equal(file_read(in_dir("f"), 10, 0077, &b), FILE_OK);
	assert_string_equal(buf_str(&b), "before 0123456789");
	assert_int_equal(file_read(in_dir("f"), 9, 0, &b), FILE_SIZE);
	assert_int_equal(file_read(in_dir("f"), 0, 0, &b), FILE_SIZE);
	/* What was refused leaves no bytes behind. */
	assert_string_equal(buf_str(&b), "before 0123456789");
	put("empty", "", 0600);
	assert_int_equal(file_read(in_dir("empty"), 0, 0, &b), FILE_OK);
	assert_int_equal(b.len, 17);
	buf_fini(&b);
}

static void
reads_more_than_one_chunk(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	char text[20001];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 23);
	text[sizeof(text) - 1] = '\0';
	put("big", text, 0600);
	assert_int_equal(file_read(in_dir("big"), 20000, 0, &b), FILE_OK);
	assert_int_equal(b.len, 20000);
	assert_string_equal(buf_str(&b), text);
	buf_reset(&b);
	assert_int_equal(file_read(in_dir("big"), 19999, 0, &b), FILE_SIZE);
	assert_int_equal(b.len, 0);
	/* No end of the range of size_t may overflow. */
	assert_int_equal(file_read(in_dir("big"), SIZE_MAX, 0, &b), FILE_OK);
	assert_int_equal(b.len, 20000);
	buf_fini(&b);
}

static void
refuses_what_is_no_file(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	put("f", "x", 0600);
	assert_int_equal(symlink("f", in_dir("link")), 0);
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", in_dir("s"));
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);

	alarm(10); /* a read that blocks fails the test */
	assert_int_equal(file_read(in_dir("link"), 9, 0, &b), FILE_TYPE);
	assert_int_equal(file_read(in_dir("fifo"), 9, 0, &b), FILE_TYPE);
	assert_int_equal(file_read(in_dir("d"), 9, 0, &b), FILE_TYPE);
	assert_int_equal(file_read(in_dir("s"), 9, 0, &b), FILE_TYPE);
	assert_int_equal(file_read("/dev/null", 9, 0, &b), FILE_TYPE);
	alarm(0);
	assert_int_equal(file_read(in_dir("none"), 9, 0, &b), FILE_MISSING);
	assert_int_equal(file_read(in_dir("f/x"), 9, 0, &b), FILE_MISSING);
	assert_int_equal(b.len, 0);
	close(fd);
	buf_fini(&b);
}

static void
refuses_wide_modes(void **state)
{
	(void)state;
	static const mode_t wide[] = {0640, 0604, 0620, 0602, 0610, 0601};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		put("f", "x", wide[i]);
		assert_int_equal(
		    file_read(in_dir("f"), 9, 0077, &b), FILE_MODE);
		assert_int_equal(b.len, 0);
	}
	put("f", "x", 0640);
	assert_int_equal(file_read(in_dir("f"), 9, 0027, &b), FILE_OK);
	buf_fini(&b);
}

static void
every_fault_has_words(void **state)
{
	(void)state;
	for (int e = FILE_OK; e <= FILE_IO; e++)
		assert_true(strlen(file_strerror((enum file_err)e)) > 0);
	errno = EISDIR;
	assert_string_equal(file_strerror(FILE_IO), strerror(EISDIR));
}

static void
replaces_content_and_mode(void **state)
{
	(void)state;
	static const mode_t modes[] = {0600, 0640, 0666, 0400};
	struct stat st;

	mode_t mask = umask(0077);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char text[32];
		snprintf(text, sizeof(text), "version %zu", i);
		assert_int_equal(
		    file_replace(in_dir("f"), text, strlen(text), modes[i]), 0);
		assert_content("f", text);
		assert_int_equal(stat(in_dir("f"), &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]);
		assert_int_equal(count_entries(), 1);
	}
	umask(mask);
	assert_int_equal(file_replace(in_dir("f"), "", 0, 0600), 0);
	assert_content("f", "");
}

static void
replaces_beside_the_working_directory(void **state)
{
	(void)state;
	char cwd[4096];

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(file_replace("plain", "x", 1, 0600), 0);
	assert_int_equal(chdir(cwd), 0);
	assert_content("plain", "x");
}

static void
keeps_the_group(void **state)
{
	(void)state;
	gid_t groups[64];
	struct stat st;

	/* Needs a second group that we may give a file to. */
	gid_t other = getgid();
	int n = getgroups(64, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] != getegid())
			other = groups[i];
	if (geteuid() == 0)
		other = getegid() + 1;
	if (other == getegid())
		skip();
	put("f", "old", 0640);
	assert_int_equal(chown(in_dir("f"), (uid_t)-1, other), 0);
	assert_int_equal(file_replace(in_dir("f"), "new", 3, 0640), 0);
	assert_int_equal(stat(in_dir("f"), &st), 0);
	assert_int_equal(st.st_gid, other);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void
replaces_a_symlink_not_its_target(void **state)
{
	(void)state;
	struct stat st;

	put("target", "untouched", 0600);
	assert_int_equal(symlink("target", in_dir("link")), 0);
	assert_int_equal(file_replace(in_dir("link"), "new", 3, 0600), 0);
	assert_content("target", "untouched");
	assert_content("link", "new");
	assert_int_equal(lstat(in_dir("link"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void
failed_replacement_changes_nothing(void **state)
{
	(void)state;
	static char big[65536];
	struct rlimit was, small = {4096, 4096};

	put("f", "old", 0600);
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);
	int before = count_entries();

	assert_int_equal(file_replace(in_dir("d"), "x", 1, 0600), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(count_entries(), before);

	assert_int_equal(file_replace(in_dir("none/f"), "x", 1, 0600), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_replace(in_dir("f/x"), "x", 1, 0600), -1);
	assert_int_equal(errno, ENOTDIR);

	/* The device fills up in the middle of the write. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int rc = file_replace(in_dir("f"), big, sizeof(big), 0600);
	int err = errno;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(err, EFBIG);
	assert_content("f", "old");
	assert_int_equal(count_entries(), before);
}

static void
write_all_goes_on(void **state)
{
	(void)state;
	int fds[2];
	static char big[300000];
	static char got[sizeof(big)];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	/* More than a pipe holds: the writer must come back several times. */
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		close(fds[0]);
		_exit(file_write_all(fds[1], big, sizeof(big)) != 0);
	}
	close(fds[1]);
	size_t n = 0;
	ssize_t r;
	while ((r = read(fds[0], got + n, sizeof(got) - n)) > 0)
		n += (size_t)r;
	assert_int_equal(n, sizeof(big));
	assert_memory_equal(got, big, sizeof(big));
	close(fds[0]);
	assert_int_equal(file_write_all(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(file_write_all(-1, "", 0), 0);
}

static void
sync_dir_tells_failure(void **state)
{
	(void)state;
	assert_int_equal(file_sync_dir(dir), 0);
	assert_int_equal(file_sync_dir(in_dir("none")), -1);
	assert_int_equal(errno, ENOENT);
	put("f", "", 0600);
	assert_int_equal(file_sync_dir(in_dir("f")), -1);
	assert_int_equal(errno, ENOTDIR);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_up_to_max),
	    TEST(reads_more_than_one_chunk),
	    TEST(refuses_what_is_no_file),
	    TEST(refuses_wide_modes),
	    TEST(every_fault_has_words),
	    TEST(replaces_content_and_mode),
	    TEST(replaces_beside_the_working_directory),
	    TEST(keeps_the_group),
	    TEST(replaces_a_symlink_not_its_target),
	    TEST(failed_replacement_changes_nothing),
	    TEST(write_all_goes_on),
	    TEST(sync_dir_tells_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
