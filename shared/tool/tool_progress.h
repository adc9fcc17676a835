/*
 * How far a long command is, on a terminal; nothing at all where standard
 * error is not one.
 */
#ifndef TOOL_TOOL_PROGRESS_H
#define TOOL_TOOL_PROGRESS_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tool_progress {
	const char *what; /* "hashing" */
	const char *unit; /* "users" */
	uint64_t total; /* 0: not known */
	uint64_t done;
	const struct clock *clock;
	int64_t begun_ms;
	int64_t drawn_ms;
	size_t width; /* of what stands on the line */
	bool is_shown;
};

/*
 * Draws the first line. what and unit: ASCII, static storage. One at a time:
 * until its end, a signal that would end the process (Ctrl-C) ends the line
 * first. A command with a handler of its own sets it before, and keeps it.
 */
void tool_progress_begin(struct tool_progress *p, const struct clock *clock,
    const char *what, const char *unit, uint64_t total);

/* done so far, of total. Cheap enough for each record. */
void tool_progress_step(struct tool_progress *p, uint64_t done);

/* Draws the state as it is and ends the line. Before any other message. */
void tool_progress_end(struct tool_progress *p);

#define TOOL_PROGRESS_SIZE 160

/*
 * The line after elapsed_ms, of at most columns characters: first the rate is
 * left out, then the count, then the bar. Pure.
 */
void tool_progress_format(const struct tool_progress *p, int64_t elapsed_ms,
    size_t columns, char out[static TOOL_PROGRESS_SIZE]);

#endif
