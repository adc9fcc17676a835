/*
 * Waiting is asking again: F_OFD_SETLKW can only be bounded by a signal, and
 * a library must not meddle with its host's signals. The pauses grow from 20
 * microseconds to 2 milliseconds; a writer holds the lock for some ten.
 */
#include "store/lock.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#define PAUSE_MIN_NS 20000
#define PAUSE_MAX_NS 2000000

static struct flock
lock_of(off_t byte, short type)
{
	struct flock fl;
	memset(&fl, 0, sizeof(fl)); /* l_pid must be 0 */
	fl.l_type = type;
	fl.l_whence = SEEK_SET;
	fl.l_start = byte;
	fl.l_len = 1;
	return fl;
}

static int
set(int fd, off_t byte, short type)
{
	struct flock fl = lock_of(byte, type);

	return fcntl(fd, F_OFD_SETLK, &fl);
}

int
lock_take(int fd, off_t byte, int wait_ms)
{
	const struct clock *clock = clock_system();
	int64_t deadline_ms = 0;
	struct timespec pause = {0, PAUSE_MIN_NS};
	for (;;) {
		if (set(fd, byte, F_WRLCK) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -1;
		int64_t now_ms = clock_mono_ms(clock);
		if (deadline_ms == 0)
			deadline_ms = now_ms + (wait_ms < 0 ? 0 : wait_ms);
		if (now_ms >= deadline_ms)
			return 1;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		pause.tv_nsec *= 2;
		if (pause.tv_nsec > PAUSE_MAX_NS)
			pause.tv_nsec = PAUSE_MAX_NS;
	}
}

void
lock_release(int fd, off_t byte)
{
	set(fd, byte, F_UNLCK);
}

bool
lock_is_held(int fd, off_t byte)
{
	struct flock fl = lock_of(byte, F_WRLCK);

	return fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}
