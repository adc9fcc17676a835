/*
 * System calls by seccomp: those that a role needs, and no other. (seccomp.h
 * is seen nowhere else.)
 *
 * Whatever is not listed fails with ENOSYS, as in a kernel that does not have
 * it, and ends nobody: another libc, or this one on another architecture, may
 * try a newer call first, and ENOSYS is what it takes for the sign to go on
 * with an older one. To an attacker it is the same as death, for nothing that
 * is refused could be used.
 *
 * Hot calls cost next to nothing: the kernel keeps a bitmap of the calls that
 * a filter allows whatever their arguments are, so only those with a condition
 * run the filter.
 */
#ifndef BASE_SANDBOX_CALLS_H
#define BASE_SANDBOX_CALLS_H

#include "base/sandbox.h"

/* 0, or -1 (logged). Sets no_new_privs. */
int sandbox_calls_enter(enum sandbox_role role);

#endif
