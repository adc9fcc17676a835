/* What is measured, and the table and JSON of it. */
#ifndef BENCH_STORE_REPORT_H
#define BENCH_STORE_REPORT_H

#include "engine.h"

#define ROUNDS_MAX 15
#define ENGINES 4

extern const struct engine *const engines[ENGINES];

enum row_id {
	VALIDATE_SMALL,
	GET_SMALL = VALIDATE_SMALL + 3,
	VALIDATE_LARGE = GET_SMALL + 3,
	GET_LARGE = VALIDATE_LARGE + 3,
	COMMITS = GET_LARGE + 3,
	COMMIT_BYTES,
	OPEN,
	CHECKPOINT,
	CHECKPOINT_WAIT,
	CHECKPOINT_COMMIT,
	CHECKPOINT_GET,
	CHECKPOINT_GET_CPU,
	TURNOVER,
	TURNOVER_MOST,
	ROWS,
};

extern int report_rounds;
extern int report_round; /* the one under way, from 0 */

void report_init(void);

/* The figure of this round; what is never noted shows as "-". */
void report_note(int row, size_t engine, double value);

double report_median(const double *values, int n); /* up to ROUNDS_MAX */

void report_print(void);
void report_write(const char *path, uint32_t large);

#endif
