/*
 * Preloaded into a program under test, this has its allocations fail that
 * the test asks for, while the program runs. GATECAST_MEMORY names a file
 * that the test and all processes of the program have mapped: struct plan.
 * Callers in the shared objects whose names begin with a word of
 * GATECAST_MEMORY_SPARES are spared, and not counted.
 *
 * What the C library takes for itself (a strdup under ASan, a stack of a
 * thread) may not come by here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* tests/system/memory_fault.py writes and reads it. */
struct plan {
	_Atomic int64_t last; /* 0: nothing is counted */
	_Atomic int64_t first; /* those from first to last fail */
	_Atomic int64_t calls;
	_Atomic int64_t failed;
};

static struct plan *plan;
static const char *spares;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("GATECAST_MEMORY");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		abort();
	void *at = mmap(
	    NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		abort();
	spares = getenv("GATECAST_MEMORY_SPARES");
	plan = at;
}

/* Whether the code at this address is of a library that is spared. */
static bool
is_spared(const void *caller)
{
	Dl_info info;

	if (spares == NULL || dladdr(caller, &info) == 0)
		return false;
	const char *slash = strrchr(info.dli_fname, '/');
	const char *name = slash == NULL ? info.dli_fname : slash + 1;
	for (const char *s = spares; *s != '\0'; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");
		if (strncmp(name, s, n) == 0)
			return true;
		s += n;
	}
	return false;
}

static bool
fails(const void *caller)
{
	if (plan == NULL || plan->last == 0 || is_spared(caller))
		return false;
	int64_t n = ++plan->calls;
	if (n < plan->first || n > plan->last)
		return false;
	plan->failed++;
	errno = ENOMEM;
	return true;
}

#define REAL(type, name, ...)             \
	static type (*real)(__VA_ARGS__); \
	if (real == NULL)                 \
	*(void **)&real = dlsym(RTLD_NEXT, name)
#define FAILS fails(__builtin_return_address(0))

void *
malloc(size_t n)
{
	REAL(void *, "malloc", size_t);
	return FAILS ? NULL : real(n);
}

void *
calloc(size_t count, size_t n)
{
	REAL(void *, "calloc", size_t, size_t);
	return FAILS ? NULL : real(count, n);
}

void *
realloc(void *p, size_t n)
{
	REAL(void *, "realloc", void *, size_t);
	/* What frees, and what a program may rely on: shrinking to nothing. */
	return n > 0 && FAILS ? NULL : real(p, n);
}

int
posix_memalign(void **out, size_t alignment, size_t n)
{
	REAL(int, "posix_memalign", void **, size_t, size_t);
	return FAILS ? ENOMEM : real(out, alignment, n);
}

void *
mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
	if ((flags & MAP_ANONYMOUS) != 0 && FAILS)
		return MAP_FAILED;
	return real(at, n, protection, flags, fd, offset);
}
