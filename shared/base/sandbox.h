/*
 * What a program gives up once it has opened what it needs, by role: new
 * privileges, core dumps, being looked into, files other than its own
 * (Landlock), and system calls it has no use for (seccomp).
 *
 * A second line: a program that is taken over by a bug in it, or in a library,
 * holds what its role needs and no more. A kernel without Landlock or seccomp
 * leaves that part out, and the log says so.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "base/config.h"

/*
 * A sanitizer looks into its own process, and at its end for leaks, by calls
 * and files that no program of ours has a use for. A build with one has these
 * besides: what is refused is to be tested without.
 */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_HAS_SANITIZER 1
#else
#define SANDBOX_HAS_SANITIZER 0
#endif

enum sandbox_role {
	SANDBOX_LOGIN_MASTER, /* forks workers, which take their own after it */
	SANDBOX_LOGIN_WORKER, /* and the one request of a CGI program */
	SANDBOX_WSD,
	SANDBOX_ROLES
};

struct sandbox_opts {
	enum sandbox_role role;
	const struct config *config;
	const char *config_path; /* NULL: the default one */
	/* Addresses that stand for login.listen or wsd.listen. */
	const char *const *listen;
	size_t listen_count;
};

/*
 * For good, for this process and all that it forks; to be called with one
 * thread. What is open stays open. 0, or -1 (logged): the caller must end.
 */
int sandbox_enter(const struct sandbox_opts *opts);

#endif
