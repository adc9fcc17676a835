#include "fcgi-app/slots.h"

#include "base/buf.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS_FILE "login.slots" /* in store.dir */

size_t
slots_count(int64_t workers, int64_t hash_slots)
{
	if (hash_slots > 0)
		return (size_t)hash_slots;
	return workers > 1 ? (size_t)workers - 1 : 1;
}

static int
open_shared(const char *dir)
{
	struct buf path = BUF_INIT;
	int fd = -1;

	buf_printf(&path, "%s/" SLOTS_FILE, dir);
	if (!path.has_failed)
		fd = open(buf_str(&path),
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	buf_fini(&path);
	return fd;
}

int
slots_init(struct slots *s, const char *dir, size_t count)
{
	s->count = count;
	s->fd = dir != NULL ? open_shared(dir) : -1;
	/* No directory yet: there is nobody to sign in either. */
	if (s->fd == -1)
		s->fd = memfd_create("hash-slots", MFD_CLOEXEC);
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
