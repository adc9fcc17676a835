/*
 * The last bytes of connections: written as they are taken, then the
 * connection is closed. Whoever does not take them within SENDOFF_MS is cut;
 * of more than SENDOFF_MAX the oldest is.
 */
#ifndef WSD_SENDOFF_H
#define WSD_SENDOFF_H

#include "base/buf.h"
#include "base/clock.h"
#include "wsd/loop.h"

#include <stddef.h>

#define SENDOFF_MS 5000
#define SENDOFF_MAX 64

struct sendoffs;

/* NULL: no memory. */
struct sendoffs *sendoffs_new(struct loop *l, const struct clock *clock);

/* Takes fd, which nothing watches, and the bytes; out is empty afterwards. */
void sendoffs_add(struct sendoffs *s, int fd, struct buf *out);

/* How many are not done. */
size_t sendoffs_count(const struct sendoffs *s);

/* A few times a second. */
void sendoffs_tick(struct sendoffs *s);

/* Cuts all that are not done. NULL is legal. */
void sendoffs_free(struct sendoffs *s);

#endif
