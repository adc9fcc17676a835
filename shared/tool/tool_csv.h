/*
 * Comma-separated values as RFC 4180 has them: fields may be quoted, then
 * hold commas, line breaks and doubled quotes; lines end in LF or CRLF.
 * Pure.
 */
#ifndef TOOL_TOOL_CSV_H
#define TOOL_TOOL_CSV_H

#include "base/buf.h"

#include <stddef.h>

#define TOOL_CSV_FIELDS_MAX 16

struct tool_csv {
	char *p; /* what is left */
	char *end;
	size_t line; /* of the record just read, from 1 */
	size_t next_line;
};

struct tool_csv_field {
	const char *p; /* into the text; no NUL behind it */
	size_t n;
};

enum tool_csv_err {
	TOOL_CSV_OK = 0,
	TOOL_CSV_END, /* no more records */
	TOOL_CSV_QUOTE, /* a quote inside a field, or something behind one */
	TOOL_CSV_OPEN, /* a quote is not closed; nothing is left */
	TOOL_CSV_RETURN, /* a carriage return that ends no line */
	TOOL_CSV_MANY, /* more than TOOL_CSV_FIELDS_MAX fields */
};

/* Of n bytes, the first of them on that line; they are altered. */
void tool_csv_init(struct tool_csv *c, char *text, size_t n, size_t line);

/*
 * The next record; empty lines are passed over. After an error (but OPEN)
 * the next call goes on with the line behind it.
 */
enum tool_csv_err tool_csv_next(struct tool_csv *c,
    struct tool_csv_field fields[static TOOL_CSV_FIELDS_MAX], size_t *n);

const char *tool_csv_strerror(enum tool_csv_err err);

/* Appends a field, quoted if it must be. */
int tool_csv_put(struct buf *out, const char *text);

#endif
