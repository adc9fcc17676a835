#include "wsd/open_files.h"

#include "base/log.h"

#include <sys/resource.h>

/* Descriptors beside those of wsd.max_connections: requests that are
 * unfinished (4096) or refused (256), the metrics' (400), stores, the rest. */
#define FILES_BESIDE 5120
/* With no limit of connections; the library keeps 16 bytes for each. */
#define FILES_MAX 262144

static rlim_t
wanted(const struct config *c)
{
	rlim_t want = c->wsd.max_connections > 0
	    ? (rlim_t)c->wsd.max_connections + FILES_BESIDE
	    : FILES_MAX;
	return want < FILES_MAX ? want : FILES_MAX;
}

void
open_files_raise(const struct config *c)
{
	struct rlimit limit;
	rlim_t want = wanted(c);

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	rlim_t have = limit.rlim_cur;
	if (limit.rlim_max != RLIM_INFINITY && want > limit.rlim_max) {
		log_warn("open files: %llu wanted, the hard limit is %llu "
			 "(LimitNOFILE)",
		    (unsigned long long)want,
		    (unsigned long long)limit.rlim_max);
		want = limit.rlim_max;
	}
	limit.rlim_cur = want;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		log_warn_errno(
		    "open files: %llu stay", (unsigned long long)have);
}

void
open_files_check(const struct config *c)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && wanted(c) > limit.rlim_cur)
		log_warn("reload: wsd.max_connections: so many need a restart "
			 "(open files: %llu wanted, %llu set at the start)",
		    (unsigned long long)wanted(c),
		    (unsigned long long)limit.rlim_cur);
}
