/*
 * Time through a pointer, so that a test owns it.
 *
 * Wall time is for what is stored or shown (expiry, message times);
 * monotonic time is for every delay and deadline inside a process.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(const struct clock *); /* since 1970, UTC */
	int64_t (*mono_ms)(const struct clock *); /* CLOCK_MONOTONIC */
};

/* The machine's own clocks; static storage. */
const struct clock *clock_system(void);

int64_t clock_wall_ms(const struct clock *c);
int64_t clock_wall_s(const struct clock *c);
int64_t clock_mono_ms(const struct clock *c);

/* A clock that stands still until it is set: embed, init, set the fields. */
struct clock_manual {
	struct clock clock; /* must stay first */
	int64_t wall_now_ms;
	int64_t mono_now_ms;
};

void clock_manual_init(struct clock_manual *m, int64_t wall_ms);

/* Moves both hands by ms. */
void clock_manual_advance(struct clock_manual *m, int64_t ms);

#define CLOCK_RFC3339_SIZE 25 /* 2026-01-02T03:04:05.678Z and a NUL */

/* RFC 3339, UTC, milliseconds. Times outside year 0..9999 are clamped. */
void clock_format_rfc3339(int64_t wall_ms, char out[static CLOCK_RFC3339_SIZE]);

/* Undoes it: of n bytes, that one spelling alone. 0, or -1: it is not one. */
int clock_parse_rfc3339(const char *text, size_t n, int64_t *wall_ms);

#define CLOCK_LOCAL_SIZE 20 /* 2026-01-02 03:04:05 and a NUL */

/* The server's local time, "YYYY-MM-DD HH:MM:SS". */
void clock_format_local(int64_t wall_ms, char out[static CLOCK_LOCAL_SIZE]);

#define CLOCK_ZONE_SIZE 10 /* UTC+05:30 and a NUL */

/* By how much that is ahead of UTC at the time given; "UTC" for not at all. */
void clock_format_zone(int64_t wall_ms, char out[static CLOCK_ZONE_SIZE]);

#endif
