/*
 * Preloaded into a program under test, this makes its n-th write to a file
 * (write or pwrite, counted together, GATECAST_SHORT=n) take half of what it
 * is given, as a disk that is nearly full does, and says so on stderr.
 * strace can make a call fail, but not do half of it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t
cut(int fd, size_t n)
{
	static const char said[] = "short-write: here\n";
	static long calls;
	const char *at = getenv("GATECAST_SHORT");
	struct stat st;

	if (at == NULL || n < 2 || fstat(fd, &st) == -1 ||
	    !S_ISREG(st.st_mode) || ++calls != strtol(at, NULL, 10))
		return n;
	syscall(SYS_write, STDERR_FILENO, said, strlen(said));
	return n / 2;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	return syscall(SYS_write, fd, bytes, cut(fd, n));
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return syscall(SYS_pwrite64, fd, bytes, cut(fd, n), at);
}

/* What programs built with 64-bit offsets call. */
ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return pwrite(fd, bytes, n, at);
}
