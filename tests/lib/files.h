/* Descriptors for a crowd. */
#ifndef TESTS_LIB_FILES_H
#define TESTS_LIB_FILES_H

#include <sys/resource.h>

/* As many as the hard limit allows. */
static inline void
files_raise(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

#endif
