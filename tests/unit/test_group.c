/* Lists of groups: the one spelling, changes to it, and what is no name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/group.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void
test_name(void **state)
{
	static const struct {
		const char *name;
		bool is_good;
	} cases[] = {
	    {"a", true},
	    {"0", true},
	    {"staff", true},
	    {"night-shift_2.b", true},
	    {"12345678901234567890123456789012", true},
	    {"anyone", true},
	    {"publi", true},
	    {"an", true},
	    {"", false},
	    {"123456789012345678901234567890123", false},
	    {"any", false},
	    {"public", false},
	    {"Staff", false},
	    {"-a", false},
	    {".a", false},
	    {"_a", false},
	    {"a b", false},
	    {"a,b", false},
	    {"a=b", false},
	    {"a/b", false},
	    {"\xc3\xa4", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    group_is_name(cases[i].name, strlen(cases[i].name)),
		    cases[i].is_good);
	assert_false(group_is_name("a\0b", 3));
}

static void
test_list(void **state)
{
	char full[GROUP_LIST_SIZE + 8] = "";
	static const char *const good[] = {
	    "", "a", "a,b", "a,ab,b", "ops,staff"};
	static const char *const bad[] = {",", "a,", ",a", "a,,b", "b,a", "a,a",
	    "ab,a", "any", "a,public", "A", "a, b", "a b"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(group_list_is_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(group_list_is_valid(bad[i]));
	/* 63 names of four bytes with their commas, and one of three. */
	for (int i = 0; i < 63; i++)
		sprintf(full + strlen(full), "a%02d,", i);
	strcat(full, "a99");
	assert_int_equal(strlen(full), GROUP_LIST_SIZE - 1);
	assert_true(group_list_is_valid(full));
	strcat(full, "z");
	assert_false(group_list_is_valid(full));
}

static void
add(char *list, const char *name, const char *want)
{
	assert_int_equal(group_list_add(list, name, strlen(name)), GROUP_OK);
	assert_string_equal(list, want);
	assert_true(group_list_is_valid(list));
}

static void
removed(char *list, const char *name, const char *want)
{
	assert_true(group_list_remove(list, name, strlen(name)));
	assert_string_equal(list, want);
}

static void
test_change(void **state)
{
	char list[GROUP_LIST_SIZE] = "";

	(void)state;
	add(list, "m", "m");
	add(list, "m", "m");
	add(list, "z", "m,z");
	add(list, "a", "a,m,z");
	add(list, "mm", "a,m,mm,z");
	add(list, "l", "a,l,m,mm,z");
	add(list, "z", "a,l,m,mm,z");
	assert_int_equal(group_list_add(list, "any", 3), GROUP_BAD_NAME);
	assert_int_equal(group_list_add(list, "x,y", 3), GROUP_BAD_NAME);
	assert_false(group_list_remove(list, "b", 1));
	assert_false(group_list_remove(list, "", 0));
	assert_false(group_list_remove(list, "l,m", 3));
	assert_string_equal(list, "a,l,m,mm,z");
	removed(list, "m", "a,l,mm,z");
	removed(list, "z", "a,l,mm");
	removed(list, "a", "l,mm");
	removed(list, "mm", "l");
	removed(list, "l", "");
	assert_false(group_list_remove(list, "l", 1));
}

static void
test_full(void **state)
{
	char list[GROUP_LIST_SIZE] = "";
	char before[GROUP_LIST_SIZE];
	char name[8];

	(void)state;
	for (int i = 0; i < 64; i++) {
		int n = sprintf(name, "b%02d", i);
		assert_int_equal(
		    group_list_add(list, name, (size_t)n), GROUP_OK);
	}
	assert_int_equal(strlen(list), GROUP_LIST_SIZE - 1);
	strcpy(before, list);
	assert_int_equal(group_list_add(list, "a", 1), GROUP_FULL);
	assert_int_equal(group_list_add(list, "c", 1), GROUP_FULL);
	assert_int_equal(group_list_add(list, "b07", 3), GROUP_OK);
	assert_string_equal(list, before);
}

static void
test_meet(void **state)
{
	static const struct {
		const char *a, *b;
		bool do_meet;
	} cases[] = {
	    {"", "", false},
	    {"", "a", false},
	    {"a", "a", true},
	    {"a", "b", false},
	    {"a,c,e", "b,d,f", false},
	    {"a,c,e", "b,d,e", true},
	    {"a,c,e", "a", true},
	    {"a,c,e", "f,g", false},
	    {"ab", "a", false},
	    {"a,ab", "ab", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    group_lists_meet(cases[i].a, cases[i].b), cases[i].do_meet);
		assert_int_equal(
		    group_lists_meet(cases[i].b, cases[i].a), cases[i].do_meet);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_name),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_change),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_meet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
