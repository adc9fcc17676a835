/*
 * Preloaded into login.fcgi or wsd, this has the sandbox find a kernel that
 * has neither seccomp nor Landlock: for running below what needs other system
 * calls, and for measuring what they cost. There is no such switch in the
 * programs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <sys/syscall.h>

/* What needs a kernel of the attribute's time is not to be had. */
int
seccomp_attr_set(
    scmp_filter_ctx filter, enum scmp_filter_attr attr, uint32_t value)
{
	(void)filter;
	(void)value;
	return attr == SCMP_FLTATR_CTL_SSB ? -EOPNOTSUPP : 0;
}

int
seccomp_load(const scmp_filter_ctx filter)
{
	(void)filter;
	return -ENOSYS;
}

long
syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list ap;

	if (number == SYS_landlock_create_ruleset) {
		errno = ENOSYS;
		return -1;
	}
	if (real == 0)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
