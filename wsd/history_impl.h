/*
 * The journal's inside, for history*.c alone.
 */
#ifndef WSD_HISTORY_IMPL_H
#define WSD_HISTORY_IMPL_H

#include "store/files.h"
#include "wsd/history.h"

#define HISTORY_FILE "journal"
#define HISTORY_FILE_NEW "journal.new"

struct history_file {
	int fd; /* -1: none */
	uint64_t generation;
	uint64_t carried; /* end of what it was begun with */
	uint64_t offset; /* end of what was written */
};

struct history {
	const struct clock *clock;
	const struct config *config;
	char boot[HISTORY_BOOT_BYTES];
	struct files files;
	int lock_fd;
	struct history_file file;
	struct history_file next; /* while it is renewed */
	struct buf pending; /* a record in the making; empty: none */
	struct buf loaded; /* the file as found, until history_load */
	bool is_pending_synced;
	bool has_next_failed;
	bool was_synced; /* what was written last */
	bool is_failing;
	bool has_told; /* that something cannot be written */
	bool must_keep_aside; /* what was found: to be kept aside */
	struct history_stats stats;
	int64_t begun_ms; /* when the file was */
	int64_t tried_ms; /* last renewal */
};

/*
 * Writes the pending record behind f, and forgets it. 0 or -1 with errno: f
 * may have a part of it behind its offset.
 */
int history_write(struct history *h, struct history_file *f, bool has_to_sync);

/* fdatasync, counted. 0 or -1 with errno. */
int history_sync(struct history *h, const struct history_file *f);

#endif
