/*
 * Cells are kept in both spellings until it is known which is wanted; an
 * administrator's lists are short enough for that.
 */
#include "tool/tool_out.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Of a stranger's text (User-Agent) in a table; an escape is 4 bytes. */
#define MAX_TEXT 600

struct cell {
	char *text;
	json_t *json;
};

struct row {
	struct cell cells[TOOL_OUT_COLUMNS_MAX];
};

struct tool_out {
	const char *const *columns;
	size_t n_columns;
	struct row *rows;
	size_t n_rows, cap_rows;
	size_t next; /* column of the next cell */
	bool has_failed;
};

struct tool_out *
tool_out_new(const char *const *columns, size_t n)
{
	struct tool_out *o = calloc(1, sizeof(*o));
	if (o == NULL)
		return NULL;
	o->columns = columns;
	o->n_columns = n;
	return o;
}

void
tool_out_free(struct tool_out *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < o->n_rows; i++) {
		for (size_t j = 0; j < o->n_columns; j++) {
			free(o->rows[i].cells[j].text);
			json_decref(o->rows[i].cells[j].json);
		}
	}
	free(o->rows);
	free(o);
}

static int
add_row(struct tool_out *o)
{
	if (o->n_rows == o->cap_rows) {
		size_t cap = o->cap_rows == 0 ? 16 : o->cap_rows * 2;
		struct row *rows = reallocarray(o->rows, cap, sizeof(*rows));
		if (rows == NULL)
			return -1;
		o->rows = rows;
		o->cap_rows = cap;
	}
	memset(&o->rows[o->n_rows++], 0, sizeof(struct row));
	return 0;
}

/* Takes over json. */
static void
add_cell(struct tool_out *o, const char *text, json_t *json)
{
	char escaped[MAX_TEXT];

	if (o->has_failed || json == NULL ||
	    (o->next == 0 && add_row(o) == -1)) {
		json_decref(json);
		o->has_failed = true;
		return;
	}
	struct cell *c = &o->rows[o->n_rows - 1].cells[o->next];
	log_escape(text, strlen(text), escaped, sizeof(escaped));
	c->json = json;
	c->text = strdup(escaped);
	if (c->text == NULL)
		o->has_failed = true;
	o->next = (o->next + 1) % o->n_columns;
}

void
tool_out_text(struct tool_out *o, const char *text)
{
	char escaped[MAX_TEXT];

	json_t *json = json_string(text);
	if (json == NULL) {
		/* Not UTF-8: as the log has it. */
		log_escape(text, strlen(text), escaped, sizeof(escaped));
		json = json_string(escaped);
	}
	add_cell(o, text, json);
}

void
tool_out_number(struct tool_out *o, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	add_cell(o, text, json_integer(number));
}

void
tool_out_list(struct tool_out *o, const char *list)
{
	json_t *array = json_array();

	for (const char *p = list; *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ",");
		if (json_array_append_new(array, json_stringn(p, n)) == -1) {
			json_decref(array);
			array = NULL;
			break;
		}
		p += n;
	}
	add_cell(o, list[0] == '\0' ? "-" : list, array);
}

void
tool_out_bool(struct tool_out *o, bool is_true)
{
	add_cell(o, is_true ? "yes" : "no", json_boolean(is_true));
}

void
tool_out_time(struct tool_out *o, int64_t wall_s)
{
	char local[CLOCK_LOCAL_SIZE], utc[CLOCK_RFC3339_SIZE];

	if (wall_s == 0 || wall_s == INT64_MAX) {
		add_cell(o, "-", json_null());
		return;
	}
	clock_format_local(wall_s * 1000, local);
	clock_format_rfc3339(wall_s * 1000, utc);
	add_cell(o, local, json_string(utc));
}

static int
compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	for (size_t i = 0; i < TOOL_OUT_COLUMNS_MAX; i++) {
		if (x->cells[i].text == NULL || y->cells[i].text == NULL)
			return 0;
		int order = strcmp(x->cells[i].text, y->cells[i].text);
		if (order != 0)
			return order;
	}
	return 0;
}

void
tool_out_sort(struct tool_out *o)
{
	if (o->n_rows > 1 && !o->has_failed)
		qsort(o->rows, o->n_rows, sizeof(*o->rows), compare);
}

/* Cells of a terminal that a text takes: a Chinese character takes two. */
static size_t
width(const char *text)
{
	wchar_t wide[MAX_TEXT];

	size_t n = mbstowcs(wide, text, MAX_TEXT);
	if (n == (size_t)-1 || n == MAX_TEXT)
		return strlen(text);
	int w = wcswidth(wide, n);
	return w < 0 ? strlen(text) : (size_t)w;
}

static void
print_padded(FILE *f, const char *text, size_t to)
{
	size_t w = width(text);

	fputs(text, f);
	for (; w < to; w++)
		fputc(' ', f);
}

static json_t *
row_object(const struct tool_out *o, const struct row *r)
{
	json_t *object = json_object();
	for (size_t j = 0; object != NULL && j < o->n_columns; j++) {
		if (json_object_set(object, o->columns[j], r->cells[j].json) ==
		    -1) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

/* Takes over json. */
static int
print_json(json_t *json, FILE *f)
{
	if (json == NULL)
		return -1;
	int rc = json_dumpf(json, f, JSON_INDENT(2));
	json_decref(json);
	if (rc == -1 || fputc('\n', f) == EOF)
		return -1;
	return 0;
}

static int
print_table(const struct tool_out *o, FILE *f)
{
	size_t widths[TOOL_OUT_COLUMNS_MAX];

	if (o->n_rows == 0)
		return 0;
	for (size_t j = 0; j < o->n_columns; j++) {
		widths[j] = width(o->columns[j]);
		for (size_t i = 0; i < o->n_rows; i++) {
			size_t w = width(o->rows[i].cells[j].text);
			if (w > widths[j])
				widths[j] = w;
		}
	}
	/* The last column is not padded: no blanks at the end of a line. */
	widths[o->n_columns - 1] = 0;
	for (size_t j = 0; j < o->n_columns; j++)
		print_padded(f, o->columns[j], widths[j] ? widths[j] + 2 : 0);
	fputc('\n', f);
	for (size_t i = 0; i < o->n_rows; i++) {
		for (size_t j = 0; j < o->n_columns; j++)
			print_padded(f, o->rows[i].cells[j].text,
			    widths[j] ? widths[j] + 2 : 0);
		fputc('\n', f);
	}
	return 0;
}

int
tool_out_print(const struct tool_out *o, bool is_json, FILE *f)
{
	if (o->has_failed)
		return -1;
	if (!is_json)
		return print_table(o, f);
	json_t *array = json_array();
	for (size_t i = 0; array != NULL && i < o->n_rows; i++) {
		if (json_array_append_new(array, row_object(o, &o->rows[i])) ==
		    -1) {
			json_decref(array);
			array = NULL;
		}
	}
	return print_json(array, f);
}

int
tool_out_print_one(const struct tool_out *o, bool is_json, FILE *f)
{
	if (o->has_failed || o->n_rows == 0)
		return -1;
	if (is_json)
		return print_json(row_object(o, &o->rows[0]), f);
	size_t widest = 0;
	for (size_t j = 0; j < o->n_columns; j++)
		if (width(o->columns[j]) > widest)
			widest = width(o->columns[j]);
	for (size_t j = 0; j < o->n_columns; j++) {
		print_padded(f, o->columns[j], widest + 2);
		fprintf(f, "%s\n", o->rows[0].cells[j].text);
	}
	return 0;
}
