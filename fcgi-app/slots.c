#include "fcgi-app/slots.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

size_t
slots_count(int64_t workers, int64_t hash_slots)
{
	if (hash_slots > 0)
		return (size_t)hash_slots;
	return workers > 1 ? (size_t)workers - 1 : 1;
}

int
slots_init(struct slots *s, const char *path, size_t count)
{
	s->count = count;
	if (path == NULL)
		s->fd = memfd_create("hash-slots", MFD_CLOEXEC);
	else
		s->fd =
		    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return s->fd == -1 ? -1 : 0;
}

void
slots_fini(struct slots *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

static bool
lock(const struct slots *s, off_t slot, short type)
{
	struct flock fl = {
	    .l_type = type,
	    .l_whence = SEEK_SET,
	    .l_start = slot,
	    .l_len = 1,
	};

	return fcntl(s->fd, F_SETLK, &fl) == 0;
}

int
slots_take(const struct slots *s)
{
	/* Begin at different places, so that the first are not crowded. */
	size_t first = (size_t)getpid() % s->count;

	for (size_t i = 0; i < s->count; i++) {
		size_t slot = (first + i) % s->count;
		if (lock(s, (off_t)slot, F_WRLCK))
			return (int)slot;
	}
	return -1;
}

void
slots_release(const struct slots *s, int slot)
{
	if (!lock(s, slot, F_UNLCK))
		log_warn_errno("hash slot %d", slot);
}
