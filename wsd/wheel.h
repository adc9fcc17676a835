/*
 * A timing wheel of one-second slots: adding, removing and coming due cost
 * the same however many wait. For pings, which all connections have and
 * nearly none needs to the millisecond.
 */
#ifndef WSD_WHEEL_H
#define WSD_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 64 /* a later one waits for another turn */

/* Embedded in what waits. */
struct wheel_node {
	struct wheel_node *next, *prev; /* NULL: not in the wheel */
	int64_t due_s;
};

struct wheel {
	struct wheel_node slots[WHEEL_SLOTS]; /* heads of rings */
	int64_t now_s; /* everything due until then was handed out */
};

void wheel_init(struct wheel *w, int64_t now_s);

/* A time that is past comes due with the next second. */
void wheel_add(struct wheel *w, struct wheel_node *n, int64_t due_s);

/* Of one that is not in the wheel: nothing happens. */
void wheel_remove(struct wheel_node *n);

/*
 * Hands out each node that is due, already removed; due may add it again and
 * may remove others.
 */
typedef void wheel_due(void *arg, struct wheel_node *n);
void wheel_advance(struct wheel *w, int64_t now_s, wheel_due *due, void *arg);

#endif
