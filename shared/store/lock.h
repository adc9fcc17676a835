/*
 * OFD locks (fcntl(2)) on bytes of the store's lock file: they belong to the
 * open file, end with it however the process ends, and need no signal.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#define LOCK_WRITER 0 /* who may append to the journal */
#define LOCK_CHECKPOINT 1 /* who may make the next generation */

/*
 * Takes a byte exclusively, waiting up to wait_ms (0: not at all). 0 taken,
 * 1 somebody else holds it, -1 with errno.
 */
int lock_take(int fd, off_t byte, int wait_ms);
void lock_release(int fd, off_t byte);

/* Whether somebody else holds it now; takes nothing. */
bool lock_is_held(int fd, off_t byte);

#endif
