/*
 * Preloaded into a program under test, this counts its calls that change a
 * file or send an answer, and at the n-th of them does what GATECAST_FAULT
 * says: "kill:N" ends the process before the call, "ENOSPC:N", "EIO:N" and
 * "EINTR:N" have it fail, "short:N" makes the n-th write to a file (of two
 * bytes and more) take half of what it is given, as a disk that is nearly
 * full does. It says so on stderr: "fault: NAME\n". "list:0" says each.
 *
 * The same could be done with strace, at five times the cost; that strace
 * sees no call which is not counted here is for the tests to look at. What
 * stdio writes is one: it never comes by here.
 */
#include "tests/lib/offset.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINTR", EINTR}};

static void
say(const char *name)
{
	char line[64] = "fault: ";

	strncat(line, name, sizeof(line) - strlen(line) - 2);
	strcat(line, "\n");
	syscall(SYS_write, STDERR_FILENO, line, strlen(line));
}

/* Whether fault is what is asked for and this is the call for it. */
static bool
is_due(const char *fault, long calls)
{
	const char *asked = getenv("GATECAST_FAULT");
	size_t n = strlen(fault);

	return asked != NULL && strncmp(asked, fault, n) == 0 &&
	    asked[n] == ':' &&
	    (calls == 0 || strtol(asked + n + 1, NULL, 10) == calls);
}

/* Before each call: 0, or the error it is to fail with. */
static int
fault(const char *name)
{
	static long calls;

	calls++;
	if (is_due("list", 0))
		say(name);
	if (is_due("kill", calls)) {
		say(name);
		raise(SIGKILL);
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (is_due(errors[i].name, calls)) {
			say(name);
			return errors[i].number;
		}
	return 0;
}

static bool
fails(const char *name)
{
	int error = fault(name);

	if (error != 0)
		errno = error;
	return error != 0;
}

static size_t
cut(int fd, size_t n)
{
	static long calls;
	struct stat st;

	if (n < 2 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    !is_due("short", ++calls))
		return n;
	say("short");
	return n / 2;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	return fails("write") ? -1 : syscall(SYS_write, fd, bytes, cut(fd, n));
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return fails("pwrite64")
	    ? -1
	    : syscall(SYS_pwrite64, fd, bytes, cut(fd, n), SYSCALL_OFFSET(at));
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

ssize_t
writev(int fd, const struct iovec *parts, int n)
{
	return fails("writev") ? -1 : syscall(SYS_writev, fd, parts, n);
}

int
ftruncate64(int fd, off64_t n)
{
	return fails("ftruncate")
	    ? -1
	    : (int)syscall(SYSCALL_FTRUNCATE, fd, SYSCALL_OFFSET(n));
}

int
ftruncate(int fd, off_t n)
{
	return ftruncate64(fd, n);
}

int
posix_fallocate64(int fd, off64_t at, off64_t n)
{
	int error = fault("fallocate");

	if (error == 0 &&
	    syscall(SYS_fallocate, fd, 0, SYSCALL_OFFSET(at),
		SYSCALL_OFFSET(n)) == -1)
		error = errno;
	return error;
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	return posix_fallocate64(fd, at, n);
}

int
fsync(int fd)
{
	return fails("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return fails("fdatasync") ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fails("renameat")
	    ? -1
	    : (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return fails("linkat")
	    ? -1
	    : (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return fails("unlinkat") ? -1
				 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	return fails("mkdirat") ? -1
				: (int)syscall(SYS_mkdirat, dir, path, mode);
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
fchmod(int fd, mode_t mode)
{
	return fails("fchmod") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int
fchown(int fd, uid_t owner, gid_t group)
{
	return fails("fchown") ? -1
			       : (int)syscall(SYS_fchown, fd, owner, group);
}

static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	/* Opening what is there writes nothing. */
	if ((flags & O_CREAT) != 0 && fails("openat"))
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

/* The mode is there when a file may be made. */
#define TAKE_MODE(flags, mode)                       \
	do {                                         \
		va_list ap;                          \
		va_start(ap, flags);                 \
		if (((flags)&O_CREAT) != 0)          \
			(mode) = va_arg(ap, mode_t); \
		va_end(ap);                          \
	} while (0)

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	TAKE_MODE(flags, mode);
	return open_at(dir, path, flags, mode);
}

/* What programs built with 64-bit offsets call. */
#define ALIAS(of) __attribute__((alias(of)))
int open64(const char *, int, ...) ALIAS("open");
int openat64(int, const char *, int, ...) ALIAS("openat");
