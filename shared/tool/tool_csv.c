/*
 * Quotes are taken away in place, so a field costs no memory of its own. A
 * library (libcsv) would call back byte by byte and not tell the line.
 */
#include "tool/tool_csv.h"

#include <string.h>

void
tool_csv_init(struct tool_csv *c, char *text, size_t n, size_t line)
{
	*c = (struct tool_csv){
	    .p = text, .end = text + n, .line = line, .next_line = line};
}

/* LF, CRLF or the end of the text; takes it. */
static bool
take_line_end(struct tool_csv *c)
{
	if (c->p == c->end)
		return true;
	if (*c->p == '\n')
		c->p++;
	else if (c->end - c->p >= 2 && c->p[0] == '\r' && c->p[1] == '\n')
		c->p += 2;
	else
		return false;
	c->next_line++;
	return true;
}

static enum tool_csv_err
take_quoted(struct tool_csv *c, struct tool_csv_field *f)
{
	char *out = ++c->p;

	f->p = out;
	for (; c->p < c->end; c->p++) {
		if (*c->p == '"' && (++c->p == c->end || *c->p != '"')) {
			f->n = (size_t)(out - f->p);
			return TOOL_CSV_OK;
		}
		if (*c->p == '\n')
			c->next_line++;
		*out++ = *c->p;
	}
	return TOOL_CSV_OPEN;
}

static enum tool_csv_err
take_plain(struct tool_csv *c, struct tool_csv_field *f)
{
	f->p = c->p;
	while (c->p < c->end && memchr(",\r\n\"", *c->p, 4) == NULL)
		c->p++;
	f->n = (size_t)(c->p - f->p);
	return TOOL_CSV_OK;
}

static void
skip_line(struct tool_csv *c)
{
	char *lf = memchr(c->p, '\n', (size_t)(c->end - c->p));

	c->p = lf == NULL ? c->end : lf + 1;
	c->next_line++;
}

enum tool_csv_err
tool_csv_next(struct tool_csv *c,
    struct tool_csv_field fields[static TOOL_CSV_FIELDS_MAX], size_t *n)
{
	enum tool_csv_err err;

	*n = 0;
	while (c->p < c->end && take_line_end(c))
		;
	c->line = c->next_line;
	if (c->p == c->end)
		return TOOL_CSV_END;
	for (;;) {
		struct tool_csv_field *f = &fields[*n];
		bool is_quoted = c->p < c->end && *c->p == '"';

		err = is_quoted ? take_quoted(c, f) : take_plain(c, f);
		if (err != TOOL_CSV_OK)
			break;
		++*n;
		if (take_line_end(c))
			return TOOL_CSV_OK;
		if (*c->p != ',') {
			err = *c->p == '\r' ? TOOL_CSV_RETURN : TOOL_CSV_QUOTE;
			break;
		}
		if (*n == TOOL_CSV_FIELDS_MAX) {
			err = TOOL_CSV_MANY;
			break;
		}
		c->p++;
	}
	skip_line(c);
	return err;
}

const char *
tool_csv_strerror(enum tool_csv_err err)
{
	switch (err) {
	case TOOL_CSV_OK:
		return "ok";
	case TOOL_CSV_END:
		return "the end";
	case TOOL_CSV_QUOTE:
		return "a quote inside a field: a field with quotes is quoted "
		       "as a whole, and a quote in it doubled";
	case TOOL_CSV_OPEN:
		return "the quote that is opened here is not closed";
	case TOOL_CSV_RETURN:
		return "a carriage return inside a field: quote the field";
	case TOOL_CSV_MANY:
		return "more fields than columns";
	}
	return "?";
}

int
tool_csv_put(struct buf *out, const char *text)
{
	if (strpbrk(text, ",\r\n\"") == NULL)
		return buf_puts(out, text);
	buf_putc(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			buf_putc(out, '"');
		buf_putc(out, *text);
	}
	return buf_putc(out, '"');
}
