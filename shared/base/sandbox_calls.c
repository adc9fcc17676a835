#include "base/sandbox_calls.h"

#include "base/log.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define COUNT(list) (sizeof(list) / sizeof(list[0]))
#define NAMESPACES                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/*
 * Memory, files by descriptor and by name (which ones is Landlock's), time,
 * waiting, and answering on connections that somebody else made.
 */
static const int common[] = {
    /* memory; mmap and mprotect have a condition */
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
    /* descriptors */
    SCMP_SYS(_llseek), SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(dup3),
    SCMP_SYS(fallocate), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(fchown32),
    SCMP_SYS(fcntl), SCMP_SYS(fcntl64), SCMP_SYS(fdatasync), SCMP_SYS(flock),
    SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64),
    SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64),
    SCMP_SYS(getdents64), SCMP_SYS(ioctl), SCMP_SYS(lseek), SCMP_SYS(pread64),
    SCMP_SYS(preadv), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(read),
    SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev),
    /* names */
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(fstatat64), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(lstat),
    SCMP_SYS(lstat64), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(newfstatat),
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(stat),
    SCMP_SYS(stat64), SCMP_SYS(statfs), SCMP_SYS(statfs64), SCMP_SYS(statx),
    SCMP_SYS(umask), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    /* time, waiting, randomness */
    SCMP_SYS(clock_getres), SCMP_SYS(clock_getres_time64),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(getrandom),
    SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield), SCMP_SYS(time),
    /* signals to oneself, the end */
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(signalfd4),
    SCMP_SYS(sigreturn), SCMP_SYS(tgkill),
    /* oneself */
    SCMP_SYS(getcwd), SCMP_SYS(getegid), SCMP_SYS(getegid32), SCMP_SYS(geteuid),
    SCMP_SYS(geteuid32), SCMP_SYS(getgid), SCMP_SYS(getgid32), SCMP_SYS(getpid),
    SCMP_SYS(getppid), SCMP_SYS(getrlimit), SCMP_SYS(gettid), SCMP_SYS(getuid),
    SCMP_SYS(getuid32), SCMP_SYS(sched_getaffinity), SCMP_SYS(sysinfo),
    SCMP_SYS(ugetrlimit), SCMP_SYS(uname),
    /* connections that are there; what systemd is told goes by sendto */
    SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt),
    SCMP_SYS(recv), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(send),
    SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown)};

static const int worker[] = {SCMP_SYS(accept), SCMP_SYS(accept4)};

/* clone has a condition. A worker begins as its copy. */
static const int master[] = {SCMP_SYS(kill), SCMP_SYS(memfd_create),
    SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_restrict_self), SCMP_SYS(prctl), SCMP_SYS(prlimit64),
    SCMP_SYS(seccomp), SCMP_SYS(set_robust_list), SCMP_SYS(setrlimit),
    SCMP_SYS(wait4), SCMP_SYS(waitid)};

static const int wsd[] = {SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait), SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_init1), SCMP_SYS(inotify_rm_watch)};

/*
 * It traces its process from another one, tries memory by a pipe, and may have
 * a thread of its own.
 */
static const int sanitizer[] = {SCMP_SYS(clone), SCMP_SYS(clone3),
    SCMP_SYS(getdents), SCMP_SYS(getrusage), SCMP_SYS(kill), SCMP_SYS(mmap),
    SCMP_SYS(mmap2), SCMP_SYS(mprotect), SCMP_SYS(pipe), SCMP_SYS(pipe2),
    SCMP_SYS(prctl), SCMP_SYS(prlimit64), SCMP_SYS(ptrace), SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list), SCMP_SYS(tkill), SCMP_SYS(wait4)};

static int
allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* Only while none of the bits is set in an argument. */
static int
allow_without(scmp_filter_ctx filter, int call, unsigned arg, uint64_t bits)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
	    SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, bits, 0));
}

/* No memory that holds what an attacker wrote becomes code. */
static int
allow_memory(scmp_filter_ctx filter)
{
	static const int calls[] = {
	    SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(calls); i++)
		rc = allow_without(filter, calls[i], 2, PROT_EXEC);
	return rc;
}

static int
allow_role(scmp_filter_ctx filter, enum sandbox_role role)
{
#ifdef __s390__
	static const unsigned clone_flags = 1;
#else
	static const unsigned clone_flags = 0;
#endif
	int rc;

	if (role == SANDBOX_WSD) {
		rc = allow(filter, wsd, COUNT(wsd));
		/* glibc's getrlimit: it sets none, arg 2 is NULL. */
		if (rc == 0 && !SANDBOX_HAS_SANITIZER)
			rc = allow_without(
			    filter, SCMP_SYS(prlimit64), 2, UINT64_MAX);
		return rc;
	}
	rc = allow(filter, worker, COUNT(worker));
	if (rc == 0 && role == SANDBOX_LOGIN_MASTER)
		rc = allow(filter, master, COUNT(master));
	if (rc == 0 && role == SANDBOX_LOGIN_MASTER && !SANDBOX_HAS_SANITIZER)
		rc = allow_without(
		    filter, SCMP_SYS(clone), clone_flags, NAMESPACES);
	return rc;
}

int
sandbox_calls_enter(enum sandbox_role role)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = -ENOMEM;

	if (filter == NULL)
		goto out;
	/*
	 * The processor's speculation stays as it is: we run nobody's code
	 * but our own, and before Linux 5.16 the other costs dearly. Before
	 * 4.17 there is no choice.
	 */
	rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	if (rc == 0 || rc == -EOPNOTSUPP)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = allow(filter, common, COUNT(common));
	if (rc == 0)
		rc = SANDBOX_HAS_SANITIZER
		    ? allow(filter, sanitizer, COUNT(sanitizer))
		    : allow_memory(filter);
	if (rc == 0)
		rc = allow_role(filter, role);
	if (rc != 0)
		goto out;
	rc = seccomp_load(filter);
	if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP) {
		log_notice("sandbox: no seccomp here: system calls are not "
			   "limited");
		rc = 0;
	}
out:
	if (filter != NULL)
		seccomp_release(filter);
#ifdef __GLIBC__
	/* A filter takes 100 KB to be made, which glibc would keep. */
	malloc_trim(0);
#endif
	if (rc == 0)
		return 0;
	log_err("sandbox: seccomp: %s", strerror(-rc));
	return -1;
}
