/*
 * What a room has said, as all of its members together heard it: one sequence,
 * the same bytes under a number at everybody, what one of them said in it
 * exactly once and where its acknowledgement says.
 *
 * Of an event a hash is kept, of what was said its number, so an hour of a
 * thousand members is a megabyte. That each number follows the one before is
 * seen by the member (member.h).
 */
#ifndef TESTS_TOOLS_CROWD_LEDGER_H
#define TESTS_TOOLS_CROWD_LEDGER_H

#include <stddef.h>
#include <stdint.h>

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/*
 * An event came under that number. speaker and nth: it is the nth (from 1)
 * that this speaker says, else nth is 0. NULL, or what is wrong (valid until
 * the next call).
 */
const char *ledger_hear(struct ledger *l, uint64_t seq, const char *event,
    size_t n, size_t speaker, size_t nth);

/* The speaker was told that its nth is that number. NULL, or what is wrong. */
const char *
ledger_ack(struct ledger *l, size_t speaker, size_t nth, uint64_t seq);

/* How many were acknowledged and nobody heard them. */
size_t ledger_unheard(const struct ledger *l);

#endif
