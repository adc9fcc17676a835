/*
 * wsd's journal: what was said outlives the process. One file, made of the
 * shared journal's records (store/journal.h): first what was kept when it
 * was begun, then a record for each turn. When most of it is dead, and at
 * each start, the next one is written beside it and renamed over it; so
 * opening is recovery, and a failed write is mended the same way.
 *
 * Nothing is told to anybody before its record is written. The price of one
 * file in place of segments is that what is kept is copied now and then.
 */
#ifndef WSD_HISTORY_H
#define WSD_HISTORY_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "wsd/history_ops.h"

#include <stdbool.h>
#include <stdint.h>

struct history;

struct history_opts {
	const char *dir; /* made if it is not there */
	const struct clock *clock;
	const struct config *config; /* history_sync and _age_s, at each use */
	const char *boot; /* HISTORY_BOOT_BYTES; NULL: the machine's own */
};

/*
 * Takes the directory for this process and reads its file. NULL: error says
 * why ("PATH: what is wrong and what to do").
 */
struct history *
history_open(const struct history_opts *opts, struct buf *error);

/* Leaves the file as a kill would. NULL is legal. */
void history_free(struct history *h);

/*
 * Hands out what the file holds, in order, once, BEGIN first if there is
 * anything; *epoch is left as it is unless the epoch goes on. It does not
 * when something that was told may be missing: damage, or a power loss with
 * wsd.history_sync = kill. What is there is handed out all the same, and
 * logged why. apply gives 0, or -1: no memory. 0 or -1.
 *
 * history_renew must follow before anything is added.
 */
typedef int history_apply(void *arg, const struct history_op *op);
int history_load(
    struct history *h, history_apply *apply, void *arg, uint64_t *epoch);

/* One op more of this turn. */
void history_add(struct history *h, const struct history_op *op);

/* What was written since the start, the next files included. */
struct history_stats {
	uint64_t writes;
	uint64_t bytes;
	uint64_t errors; /* writes, syncs and renewals that failed */
	uint64_t renewals;
	uint64_t syncs;
	uint64_t sync_ms; /* that they took together */
};
void history_get_stats(const struct history *h, struct history_stats *out);

/* Bytes added since the last commit. */
size_t history_pending(const struct history *h);

/*
 * Writes what was added, in one piece. 0, or -1: it is forgotten, and
 * nothing is taken until a renewal succeeds (logged).
 */
int history_commit(struct history *h);

/* Whether writing failed and was not mended yet. */
bool history_is_failing(const struct history *h);

/*
 * Writes the next file, with what fill adds (history_begin first). Nothing
 * may be pending. 0; or -1: logged, to be tried again after a second. The old
 * file still takes what is said then, or history_is_failing.
 */
typedef void history_fill(void *arg, struct history *h);
void history_begin(struct history *h, uint64_t epoch, uint64_t seq);
int history_renew(struct history *h, history_fill *fill, void *arg);

/*
 * Whether it should be: most of the file is dead, there is what is older
 * than it may be, or writing failed a moment ago.
 */
bool history_wants_renewal(const struct history *h);

/* An orderly end: all of it is on disk. */
void history_stop(struct history *h);

#endif
