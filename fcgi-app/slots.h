/*
 * How many passwords are hashed at the same time over all workers.
 *
 * A slot is a byte of a file with an fcntl(2) lock on it: the kernel gives
 * it back when its holder dies, however that happens, so there is no count
 * to repair.
 */
#ifndef FCGI_APP_SLOTS_H
#define FCGI_APP_SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* Who waits for one looks this often, in case its holder was killed. */
#define SLOTS_RETRY_MS 20
/* And so long, before it is answered with 503. */
#define SLOTS_WAIT_MS 4000

struct slots {
	int fd;
	size_t count;
};

/* How many for these settings: login.hash_slots 0 is workers - 1. */
size_t slots_count(int64_t workers, int64_t hash_slots);

/*
 * Before fork. dir NULL: a file in memory, for one family of processes;
 * else the file login.slots there (made, mode 0600), for processes that know
 * nothing of one another (CGI, copies of a process manager's); where it
 * cannot be made, in memory after all. The descriptor must stay open:
 * closing any descriptor of the file would drop the process's locks.
 * 0, or -1 with errno.
 */
int slots_init(struct slots *s, const char *dir, size_t count);
void slots_fini(struct slots *s);

/* A free slot's number, or -1: all are taken. Never waits. */
int slots_take(const struct slots *s);
void slots_release(const struct slots *s, int slot);

#endif
