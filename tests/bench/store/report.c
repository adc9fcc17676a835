/* See report.h. */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct engine *const engines[ENGINES] = {
    &engine_gatecast,
    &engine_gdbm,
    &engine_sqlite_full,
    &engine_sqlite_normal,
};

static const struct {
	const char *name, *unit, *target;
} rows[ROWS] = {
    [VALIDATE_SMALL] = {"sessions_validate, 10k sessions: p50", "us", "<= 2"},
    {"  p99", "us", "<= 15"},
    {"  longest", "us", ""},
    [GET_SMALL] = {"get, 10k sessions: p50", "us", "<= 2"},
    {"  p99", "us", ""},
    {"  longest", "us", ""},
    [VALIDATE_LARGE] = {"sessions_validate, 100k: p50", "us", "<= 2"},
    {"  p99", "us", "<= 15"},
    {"  longest", "us", ""},
    [GET_LARGE] = {"get, 100k: p50", "us", "<= 2"},
    {"  p99", "us", ""},
    {"  longest", "us", ""},
    [COMMITS] = {"commits/s, 2 writers", "/s", ">= 3000"},
    [COMMIT_BYTES] = {"  bytes written a commit", "B", ""},
    [OPEN] = {"open and one get, 4 MB journal", "ms", "<= 20"},
    [CHECKPOINT] = {"checkpoint of 100k sessions", "ms", ""},
    [CHECKPOINT_WAIT] = {"  writer's longest wait for the lock", "ms", "<= 20"},
    [CHECKPOINT_COMMIT] = {"  writer's longest commit", "ms", ""},
    [CHECKPOINT_GET] = {"  reader's longest get", "ms", "no wait"},
    [CHECKPOINT_GET_CPU] = {"    CPU time of it", "ms", ""},
    [TURNOVER] = {"files / live data after 100x turnover", "x", "<= 2"},
    [TURNOVER_MOST] = {"  at the most on the way", "x", ""},
};

int report_rounds = 3;
int report_round;
static double results[ROWS][ENGINES][ROUNDS_MAX];

void
report_init(void)
{
	for (int r = 0; r < ROWS; r++)
		for (size_t e = 0; e < ENGINES; e++)
			for (int i = 0; i < ROUNDS_MAX; i++)
				results[r][e][i] = NAN;
}

void
report_note(int row, size_t engine, double value)
{
	results[row][engine][report_round] = value;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double
report_median(const double *values, int n)
{
	double sorted[ROUNDS_MAX];
	memcpy(sorted, values, (size_t)n * sizeof(*sorted));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
	return n % 2 == 1 ? sorted[n / 2]
			  : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void
report_print(void)
{
	printf("%-40s %4s %9s", "median of rounds", "", "target");
	for (size_t e = 0; e < ENGINES; e++)
		printf(" %13s", engines[e]->name);
	putchar('\n');
	for (int r = 0; r < ROWS; r++) {
		printf("%-40s %4s %9s", rows[r].name, rows[r].unit,
		    rows[r].target);
		for (size_t e = 0; e < ENGINES; e++) {
			double v = report_median(results[r][e], report_rounds);
			if (isnan(v))
				printf(" %13s", "-");
			else
				printf(" %13.*f", v < 100 ? 2 : 0, v);
		}
		putchar('\n');
	}
}

void
report_write(const char *path, uint32_t large)
{
	FILE *f = fopen(path, "w");
	if (f == NULL)
		die(path, "cannot be written");
	fprintf(f, "{\"rounds\": %d, \"sessions\": %u, \"rows\": [",
	    report_rounds, large);
	const char *of = "";
	for (int r = 0; r < ROWS; r++) {
		if (rows[r].name[0] != ' ')
			of = rows[r].name;
		fprintf(f,
		    "%s\n {\"of\": \"%s\", \"row\": \"%s\", \"unit\": \"%s\", "
		    "\"target\": \"%s\"",
		    r == 0 ? "" : ",", of,
		    rows[r].name + strspn(rows[r].name, " "), rows[r].unit,
		    rows[r].target);
		for (size_t e = 0; e < ENGINES; e++) {
			fprintf(f, ", \"%s\": [", engines[e]->name);
			for (int i = 0; i < report_rounds; i++)
				if (isnan(results[r][e][i]))
					fprintf(f, "%snull", i ? ", " : "");
				else
					fprintf(f, "%s%.6g", i ? ", " : "",
					    results[r][e][i]);
			fputc(']', f);
		}
		fputc('}', f);
	}
	fprintf(f, "\n]}\n");
	if (fclose(f) != 0)
		die(path, "cannot be written");
}
