/*
 * Death and failure at the n-th change of the file system: the program that
 * includes this brings its own fsync, pwrite and so on, which the store and
 * libgdbm then call. Off until fault_arm().
 */
#ifndef TESTS_UNIT_STORE_FAULTS_H
#define TESTS_UNIT_STORE_FAULTS_H

#include "tests/lib/offset.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_KILL, /* SIGKILL in place of the call */
	FAULT_TORN, /* SIGKILL after half of a write; else as KILL */
	FAULT_ERROR, /* fault_errno */
	FAULT_SHORT, /* half of a write; else as ERROR */
};

static enum fault_kind fault_kind;
static long fault_countdown; /* strikes when it reaches 0 */
static int fault_errno;
static const char *fault_only; /* NULL: every call counts */
static void (*fault_hook)(const char *call); /* before each call */

static inline void
fault_arm(enum fault_kind kind, long nth, int err, const char *only)
{
	fault_kind = kind;
	fault_countdown = nth;
	fault_errno = err;
	fault_only = only;
}

static inline void
fault_disarm(void)
{
	fault_kind = FAULT_NONE;
}

/* Did it strike? */
static inline bool
fault_has_struck(void)
{
	return fault_kind != FAULT_NONE && fault_countdown <= 0;
}

static inline bool
fault_strikes(const char *call)
{
	if (fault_hook != NULL)
		fault_hook(call);
	if (fault_kind == FAULT_NONE)
		return false;
	if (fault_only != NULL && strcmp(fault_only, call) != 0)
		return false;
	return --fault_countdown == 0;
}

static inline int
fault_now(void)
{
	if (fault_kind == FAULT_KILL || fault_kind == FAULT_TORN)
		kill(getpid(), SIGKILL);
	errno = fault_errno;
	return -1;
}

int
fsync(int fd)
{
	return fault_strikes("fsync") ? fault_now()
				      : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return fault_strikes("fdatasync") ? fault_now()
					  : (int)syscall(SYS_fdatasync, fd);
}

int
ftruncate(int fd, off_t size)
{
	return fault_strikes("ftruncate")
	    ? fault_now()
	    : (int)syscall(SYSCALL_FTRUNCATE, fd, SYSCALL_OFFSET(size));
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return fault_strikes("renameat")
	    ? fault_now()
	    : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int
unlinkat(int fd, const char *name, int flags)
{
	return fault_strikes("unlinkat")
	    ? fault_now()
	    : (int)syscall(SYS_unlinkat, fd, name, flags);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	if (!fault_strikes("pwrite"))
		return syscall(
		    SYS_pwrite64, fd, bytes, n, SYSCALL_OFFSET(offset));
	if (fault_kind == FAULT_TORN)
		syscall(SYS_pwrite64, fd, bytes, n / 2, SYSCALL_OFFSET(offset));
	if (fault_kind == FAULT_SHORT)
		return syscall(
		    SYS_pwrite64, fd, bytes, n / 2, SYSCALL_OFFSET(offset));
	return fault_now();
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	if (fd <= 2 || !fault_strikes("write"))
		return syscall(SYS_write, fd, bytes, n);
	if (fault_kind == FAULT_TORN)
		syscall(SYS_write, fd, bytes, n / 2);
	return fault_now();
}

#endif
