/* Rows as a table and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_out.c"

#include <locale.h>
#include <time.h>

static const char *const columns[] = {"name", "locked", "n", "at"};

static void
add(struct tool_out *o, const char *name, bool is_locked, int64_t n, int64_t at)
{
	tool_out_text(o, name);
	tool_out_bool(o, is_locked);
	tool_out_number(o, n);
	tool_out_time(o, at);
}

/* What a printer writes; the caller frees. */
static char *
printed(const struct tool_out *o, bool is_json, bool is_one, int want)
{
	char *text = NULL;
	size_t n = 0;

	FILE *f = open_memstream(&text, &n);
	assert_non_null(f);
	assert_int_equal(is_one ? tool_out_print_one(o, is_json, f)
				: tool_out_print(o, is_json, f),
	    want);
	fclose(f);
	return text;
}

static void
test_table(void **state)
{
	(void)state;
	struct tool_out *o = tool_out_new(columns, 4);
	add(o, "bob", true, -7, 0);
	add(o, "a\u4e0a\u7ebf", false, 12345, 86400);
	add(o, "c", false, 0, INT64_MAX);
	tool_out_sort(o);
	char *text = printed(o, false, false, 0);
	/* A Chinese character takes two cells; nothing trails. */
	assert_string_equal(text,
	    "name   locked  n      at\n"
	    "a\u4e0a\u7ebf  no      12345  1970-01-02 00:00:00\n"
	    "bob    yes     -7     -\n"
	    "c      no      0      -\n");
	free(text);
	tool_out_free(o);
}

static void
test_json(void **state)
{
	(void)state;
	struct tool_out *o = tool_out_new(columns, 4);
	add(o, "b\"ob", true, -7, 0);
	add(o, "alice", false, 1, 86400);
	char *text = printed(o, true, false, 0);
	json_t *array = json_loads(text, 0, NULL);
	assert_non_null(array);
	assert_int_equal(json_array_size(array), 2);
	json_t *first = json_array_get(array, 0);
	assert_string_equal(
	    json_string_value(json_object_get(first, "name")), "b\"ob");
	assert_true(json_is_true(json_object_get(first, "locked")));
	assert_int_equal(json_integer_value(json_object_get(first, "n")), -7);
	assert_true(json_is_null(json_object_get(first, "at")));
	json_t *second = json_array_get(array, 1);
	assert_string_equal(json_string_value(json_object_get(second, "at")),
	    "1970-01-02T00:00:00.000Z");
	json_decref(array);
	free(text);
	tool_out_free(o);
}

static void
test_no_rows(void **state)
{
	(void)state;
	struct tool_out *o = tool_out_new(columns, 4);
	tool_out_sort(o);
	char *text = printed(o, false, false, 0);
	assert_string_equal(text, "");
	free(text);
	text = printed(o, true, false, 0);
	assert_string_equal(text, "[]\n");
	free(text);
	free(printed(o, false, true, -1));
	tool_out_free(o);
}

static void
test_one(void **state)
{
	(void)state;
	struct tool_out *o = tool_out_new(columns, 4);
	add(o, "alice", true, 3, 0);
	char *text = printed(o, false, true, 0);
	assert_string_equal(text,
	    "name    alice\n"
	    "locked  yes\n"
	    "n       3\n"
	    "at      -\n");
	free(text);
	text = printed(o, true, true, 0);
	json_t *object = json_loads(text, 0, NULL);
	assert_true(json_is_object(object));
	assert_int_equal(json_object_size(object), 4);
	json_decref(object);
	free(text);
	tool_out_free(o);
}

/* A User-Agent is a stranger's text: it cannot steer the terminal. */
static void
test_hostile_text(void **state)
{
	static const char *const one[] = {"agent"};

	(void)state;
	struct tool_out *o = tool_out_new(one, 1);
	tool_out_text(o, "x\x1b[2J\ny");
	tool_out_text(o, "\xff\xfe");
	char *text = printed(o, false, false, 0);
	assert_null(strchr(text, 0x1b));
	assert_string_equal(text, "agent\nx\\x1b[2J\\x0ay\n\\xff\\xfe\n");
	free(text);
	text = printed(o, true, false, 0);
	json_t *array = json_loads(text, 0, NULL);
	assert_non_null(array);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(array, 0), "agent")),
	    "x\x1b[2J\ny");
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(array, 1), "agent")),
	    "\\xff\\xfe");
	json_decref(array);
	free(text);
	tool_out_free(o);
}

static void
test_list(void **state)
{
	static const char *const two[] = {"name", "groups"};

	(void)state;
	struct tool_out *o = tool_out_new(two, 2);
	tool_out_text(o, "alice");
	tool_out_list(o, "ops,staff");
	tool_out_text(o, "bob");
	tool_out_list(o, "");
	char *text = printed(o, false, false, 0);
	assert_string_equal(text,
	    "name   groups\n"
	    "alice  ops,staff\n"
	    "bob    -\n");
	free(text);
	text = printed(o, true, false, 0);
	json_t *array = json_loads(text, 0, NULL);
	char *compact = json_dumps(array, JSON_COMPACT);
	assert_string_equal(compact,
	    "[{\"name\":\"alice\",\"groups\":[\"ops\",\"staff\"]},"
	    "{\"name\":\"bob\",\"groups\":[]}]");
	free(compact);
	json_decref(array);
	free(text);
	tool_out_free(o);
}

static void
test_many_rows(void **state)
{
	(void)state;
	struct tool_out *o = tool_out_new(columns, 4);
	for (int i = 0; i < 1000; i++) {
		char name[16];
		snprintf(name, sizeof(name), "u%03d", 999 - i);
		add(o, name, false, i, 0);
	}
	tool_out_sort(o);
	assert_int_equal(o->n_rows, 1000);
	assert_string_equal(o->rows[0].cells[0].text, "u000");
	assert_string_equal(o->rows[999].cells[0].text, "u999");
	tool_out_free(o);
	tool_out_free(NULL);
}

int
main(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_no_rows),
	    cmocka_unit_test(test_one),
	    cmocka_unit_test(test_hostile_text),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_many_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
