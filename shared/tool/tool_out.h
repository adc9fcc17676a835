/*
 * Rows of named values, as a table for a person or as JSON for a program.
 */
#ifndef TOOL_TOOL_OUT_H
#define TOOL_TOOL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TOOL_OUT_COLUMNS_MAX 13

struct tool_out;

/* columns: their names, also JSON's keys; static storage. NULL: no memory. */
struct tool_out *tool_out_new(const char *const *columns, size_t n);
void tool_out_free(struct tool_out *o);

/*
 * The next cell, row after row. Failure (no memory, text that is not UTF-8)
 * is sticky and comes out of print.
 */
void tool_out_text(struct tool_out *o, const char *text);
void tool_out_number(struct tool_out *o, int64_t number);
/* "a,b": an array of texts in JSON, "-" in a table where there is none. */
void tool_out_list(struct tool_out *o, const char *list);
void tool_out_bool(struct tool_out *o, bool is_true);

/* JSON: RFC 3339; table: local time. 0 or INT64_MAX (never): null, or "-". */
void tool_out_time(struct tool_out *o, int64_t wall_s);

/* Rows by the text of their first cells, byte by byte. */
void tool_out_sort(struct tool_out *o);

/* A JSON array of objects, or a table with a head; nothing for no rows. */
int tool_out_print(const struct tool_out *o, bool is_json, FILE *f);

/* The one row: a JSON object, or a line a column. */
int tool_out_print_one(const struct tool_out *o, bool is_json, FILE *f);

#endif
