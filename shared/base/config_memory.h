/*
 * How wsd.max_memory is divided, and what the other limits may need. Shared,
 * so that "config check" and wsd use the same figures. Pure.
 *
 * The budget covers wsd's own memory and what the kernel holds for readers
 * that are slow. On top of it, for as long as wsd itself stands still, the
 * kernel may hold 2 * SO_RCVBUF of what each connection sends meanwhile:
 * 128 KiB * wsd.max_connections at the very most.
 */
#ifndef BASE_CONFIG_MEMORY_H
#define BASE_CONFIG_MEMORY_H

#include "base/buf.h"
#include "base/config.h"

#include <stdint.h>

/* One connection at rest, measured: 2.1 KB with everything that is its. */
#define CONFIG_MEMORY_CONNECTION 2304
/* One reader that is busy: 2 * SO_SNDBUF, a write, a frame that has begun. */
#define CONFIG_MEMORY_BUSY ((int64_t)168 * 1024)
/* The event log may take four times of what it holds: it doubles when more
 * than half full. */
#define CONFIG_MEMORY_LOG 4
/* Of a message in the history beside its bytes: index, ref. */
#define CONFIG_MEMORY_MESSAGE 512

/* Bytes; all 0: no limit. */
struct config_memory {
	int64_t total;
	int64_t base; /* the program, and requests that are not complete */
	int64_t connections; /* at rest; beyond it 503 */
	int64_t history; /* what is kept for those who come back */
	int64_t streams; /* what the slowest reader still needs */
	int64_t queues; /* what is held for single connections */
};

void config_memory_split(const struct config *c, struct config_memory *out);

/* The limits of the configuration, brought down to their shares. */
int64_t config_memory_history_bytes(
    const struct config *c, const struct config_memory *m);
int64_t config_memory_history_messages(
    const struct config *c, const struct config_memory *m);
int64_t
config_memory_slow_bytes(const struct config *c, const struct config_memory *m);

/*
 * What all limits together may take, with a tenth of the connections being
 * busy; limits that are 0 count nothing.
 */
int64_t config_memory_need(const struct config *c);

/* One line into out when they exceed wsd.max_memory. */
void config_memory_warn(const struct config *c, struct buf *out);

#endif
