/*
 * One line of standard error, drawn over itself ten times a second at most,
 * with a carriage return and blanks: every terminal knows these.
 */
#include "tool/tool_progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS 100
#define BAR_CELLS 20
#define COLUMNS_DEFAULT 80

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

#define N_ENDING (sizeof(ending) / sizeof(ending[0]))

/* --- the line ------------------------------------------------------------- */

static void
put_duration(char *out, size_t size, uint64_t s)
{
	if (s >= 3600)
		snprintf(out, size, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
		    s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(out, size, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
}

void
tool_progress_format(const struct tool_progress *p, int64_t elapsed_ms,
    size_t columns, char out[static TOOL_PROGRESS_SIZE])
{
	char bar[BAR_CELLS + 1], graph[BAR_CELLS + 4] = "";
	char percent[8] = "";
	char left[32] = "", count[64], tail[48] = "";
	double part = 0, elapsed_s = (double)elapsed_ms / 1000;

	if (p->total > 0)
		part = (double)p->done / (double)p->total;
	if (part > 1)
		part = 1;
	for (int i = 0; i < BAR_CELLS; i++)
		bar[i] = i < (int)(part * BAR_CELLS) ? '#' : '.';
	bar[BAR_CELLS] = '\0';

	if (p->total > 0) {
		snprintf(graph, sizeof(graph), " [%s]", bar);
		snprintf(percent, sizeof(percent), " %3d%%", (int)(part * 100));
		snprintf(count, sizeof(count), " %" PRIu64 "/%" PRIu64 " %s",
		    p->done, p->total, p->unit);
	} else {
		snprintf(
		    count, sizeof(count), " %" PRIu64 " %s", p->done, p->unit);
	}
	/* A rate of the first moments would be a guess. */
	if (elapsed_ms >= 1000 && p->done > 0) {
		bool is_over = p->done >= p->total;
		double rate = (double)p->done / elapsed_s;
		put_duration(left, sizeof(left),
		    (uint64_t)(is_over
			    ? elapsed_s
			    : elapsed_s * (double)(p->total - p->done) /
				(double)p->done));
		snprintf(tail, sizeof(tail), ", %.0f/s, %s%s", rate, left,
		    is_over ? "" : " left");
	}
	/* What has no room is left out: half a number is another number. */
	for (int less = 0; less < 4; less++) {
		int n = snprintf(out, TOOL_PROGRESS_SIZE, "%s%s%s%s%s", p->what,
		    less < 3 ? graph : "", percent, less < 2 ? count : "",
		    less < 1 ? tail : "");
		if ((size_t)n <= columns)
			return;
	}
	if (strlen(out) > columns)
		out[columns] = '\0';
}

static void
draw(struct tool_progress *p, int64_t now_ms)
{
	char line[TOOL_PROGRESS_SIZE];
	struct winsize w;
	size_t columns = COLUMNS_DEFAULT;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		columns = w.ws_col;
	/* One less: at the last column some terminals begin a new line. */
	tool_progress_format(p, now_ms - p->begun_ms, columns - 1, line);
	size_t n = strlen(line);
	fprintf(stderr, "\r%s%*s", line, (int)(p->width > n ? p->width - n : 0),
	    "");
	fflush(stderr);
	p->width = n;
	p->drawn_ms = now_ms;
}

/* --- signals -------------------------------------------------------------- */

/* The line is ended, then the signal does what it does. */
static void
on_ending(int signal)
{
	ssize_t ignored = write(STDERR_FILENO, "\n", 1);

	(void)ignored;
	raise(signal); /* SA_RESETHAND: delivered when this returns */
}

static void
set_handlers(void (*from)(int), void (*to)(int))
{
	struct sigaction old,
	    new = {.sa_handler = to, .sa_flags = SA_RESETHAND};

	for (size_t i = 0; i < N_ENDING; i++)
		if (sigaction(ending[i], NULL, &old) == 0 &&
		    old.sa_handler == from)
			sigaction(ending[i], &new, NULL);
}

/* -------------------------------------------------------------------------- */

void
tool_progress_begin(struct tool_progress *p, const struct clock *clock,
    const char *what, const char *unit, uint64_t total)
{
	*p = (struct tool_progress){
	    .what = what,
	    .unit = unit,
	    .total = total,
	    .clock = clock,
	    .begun_ms = clock_mono_ms(clock),
	    .is_shown = isatty(STDERR_FILENO) == 1,
	};
	if (!p->is_shown)
		return;
	set_handlers(SIG_DFL, on_ending);
	draw(p, p->begun_ms);
}

void
tool_progress_step(struct tool_progress *p, uint64_t done)
{
	p->done = done;
	if (!p->is_shown)
		return;
	int64_t now_ms = clock_mono_ms(p->clock);
	if (now_ms - p->drawn_ms >= REDRAW_MS)
		draw(p, now_ms);
}

void
tool_progress_end(struct tool_progress *p)
{
	if (!p->is_shown)
		return;
	draw(p, clock_mono_ms(p->clock));
	fputc('\n', stderr);
	set_handlers(on_ending, SIG_DFL);
	p->is_shown = false;
}
