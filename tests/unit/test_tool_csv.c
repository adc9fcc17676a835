/* RFC 4180 in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_csv.c"

#include <stdio.h>
#include <stdlib.h>

/*
 * All of a text as "LINE[field][field]" and "LINE!error", one after the
 * other.
 */
static void
read_all(const char *text, size_t n, struct buf *out)
{
	struct tool_csv_field fields[TOOL_CSV_FIELDS_MAX];
	struct tool_csv csv;
	enum tool_csv_err err;
	size_t count;

	/* An exact allocation, so that ASan sees the first byte beyond it. */
	char *copy = malloc(n > 0 ? n : 1);
	assert_non_null(copy);
	memcpy(copy, text, n);
	tool_csv_init(&csv, copy, n, 1);
	while ((err = tool_csv_next(&csv, fields, &count)) != TOOL_CSV_END) {
		buf_printf(out, "%zu", csv.line);
		for (size_t i = 0; err == TOOL_CSV_OK && i < count; i++) {
			buf_putc(out, '[');
			buf_append(out, fields[i].p, fields[i].n);
			buf_putc(out, ']');
		}
		if (err != TOOL_CSV_OK)
			buf_printf(out, "!%d", (int)err);
		assert_true(strlen(tool_csv_strerror(err)) > 0);
	}
	free(copy);
}

static void
test_records(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
	    {"", ""},
	    {"\n\r\n\n", ""},
	    {"a", "1[a]"},
	    {"a\n", "1[a]"},
	    {"a\r\n", "1[a]"},
	    {"a,b\nc,d", "1[a][b]2[c][d]"},
	    {"a,b\r\n\r\nc,d\r\n", "1[a][b]3[c][d]"},
	    {",", "1[][]"},
	    {"a,", "1[a][]"},
	    {",a\n", "1[][a]"},
	    {"\"a\"", "1[a]"},
	    {"\"\"", "1[]"},
	    {"\"\",\"\"\n", "1[][]"},
	    {"\"a,b\",c", "1[a,b][c]"},
	    {"\"a\"\"b\"", "1[a\"b]"},
	    {"\"\"\"\"", "1[\"]"},
	    {"\"\"\"a\"\"\"", "1[\"a\"]"},
	    {"\"a\nb\",c\nd", "1[a\nb][c]3[d]"},
	    {"\"a\r\nb\"\r\nd", "1[a\r\nb]3[d]"},
	    {" a , b ", "1[ a ][ b ]"},
	    {"\xe4\xb8\x8a,\xff", "1[\xe4\xb8\x8a][\xff]"},
	    /* errors, and the line behind them */
	    {"a\"b\nc",
		"1!2"
		"2[c]"},
	    {"\"a\"b\nc",
		"1!2"
		"2[c]"},
	    {"\"a\" ,b\nc",
		"1!2"
		"2[c]"},
	    {"\"a\nb\"x\nc",
		"1!2"
		"3[c]"},
	    {"\"a", "1!3"},
	    {"\"", "1!3"},
	    {"\"a\"\"", "1!3"},
	    {"x\n\"a\nb\nc\n", "1[x]2!3"},
	    {"a\rb\nc",
		"1!4"
		"2[c]"},
	    {"a\r", "1!4"},
	    {"\"a\"\rb\nc",
		"1!4"
		"2[c]"},
	    {",,,,,,,,,,,,,,,\na", "1[][][][][][][][][][][][][][][][]2[a]"},
	    {",,,,,,,,,,,,,,,,\na",
		"1!5"
		"2[a]"},
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&out);
		read_all(cases[i].text, strlen(cases[i].text), &out);
		assert_string_equal(buf_str(&out), cases[i].want);
	}
	buf_reset(&out);
	read_all("a\0b,\"\0\"", 7, &out);
	assert_int_equal(out.len, 9);
	assert_memory_equal(out.data, "1[a\0b][\0]", 9);
	buf_fini(&out);
}

static void
test_put(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
	    {"", ""},
	    {"a b;c", "a b;c"},
	    {"a,b", "\"a,b\""},
	    {"a\"b", "\"a\"\"b\""},
	    {"\"", "\"\"\"\""},
	    {"a\nb", "\"a\nb\""},
	    {"a\rb", "\"a\rb\""},
	};
	struct buf out = BUF_INIT, again = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[32];

		buf_reset(&out);
		buf_reset(&again);
		assert_int_equal(tool_csv_put(&out, cases[i].text), 0);
		assert_string_equal(buf_str(&out), cases[i].want);
		if (cases[i].text[0] == '\0')
			continue;
		read_all(out.data, out.len, &again);
		snprintf(want, sizeof(want), "1[%s]", cases[i].text);
		assert_string_equal(buf_str(&again), want);
	}
	buf_fini(&out);
	buf_fini(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
