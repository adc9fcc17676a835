/* The end of a tool that can do nothing more. */
#ifndef TESTS_LIB_DIE_H
#define TESTS_LIB_DIE_H

/* "PROGRAM: ..." on stderr, and status 2. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
