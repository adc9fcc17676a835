/* Names that are taken, while others take names as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its files are taken in. */
#include "tool/tool_confusable.c"
#include "tool/tool_names.c"

#include "auth/crypto.h"
#include "temp_dir.h"

#include <stdio.h>

static char dir[64];
static struct buf error, why;
static struct users *mine, *theirs; /* two admins */
static struct tool_names *names;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_tool_names.XXXXXX");
	if (mkdtemp(dir) == NULL || crypto_init() != 0 ||
	    users_create(dir, &error) != STORE_OK ||
	    users_open(dir, true, 1000, 0, &mine, &error) != STORE_OK ||
	    users_open(dir, true, 1000, 0, &theirs, &error) != STORE_OK)
		return -1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tool_names_free(names);
	names = NULL;
	users_close(theirs);
	users_close(mine);
	buf_fini(&error);
	buf_fini(&why);
	return temp_dir_remove(dir);
}

static void
add(struct users *u, const char *name)
{
	struct record_user r = {.created_s = 1, .changed_s = 1};

	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.hash, sizeof(r.hash), "$hash$");
	assert_int_equal(users_begin(u), STORE_OK);
	assert_int_equal(users_put(u, &r), STORE_OK);
	assert_int_equal(users_commit(u), STORE_OK);
}

static void
assert_free(const char *name, const char *instead_of)
{
	assert_int_equal(
	    tool_names_check(names, name, instead_of, &why), STORE_OK);
	assert_string_equal(buf_str(&why), "");
}

static void
assert_like(const char *name, const char *instead_of, const char *other)
{
	char want[512];

	snprintf(want, sizeof(want), "%s can be mistaken for the user %s", name,
	    other);
	assert_int_equal(
	    tool_names_check(names, name, instead_of, &why), STORE_OK);
	assert_string_equal(buf_str(&why), want);
}

static void
test_check(void **state)
{
	(void)state;
	add(theirs, "Alice");
	add(theirs, "paypal");
	assert_int_equal(tool_names_new(mine, &names), STORE_OK);
	assert_free("bob", NULL);
	assert_free("alicia", NULL);
	assert_like("a1ice", NULL, "Alice");
	assert_like("paypaI", NULL, "paypal");
	/* The very account is another question. */
	assert_free("ALICE", NULL);
	/* What mixes is refused, whatever it looks like. */
	assert_int_equal(
	    tool_names_check(names, "\u0430lice", NULL, &why), STORE_OK);
	assert_non_null(strstr(buf_str(&why), "mixes scripts"));
}

static void
test_instead_of(void **state)
{
	(void)state;
	add(theirs, "bob1");
	add(theirs, "bobI"); /* from before anybody checked */
	assert_int_equal(tool_names_new(mine, &names), STORE_OK);
	assert_free("bob2", "bob1");
	assert_like("bobl", "bob1", "bobI");
	assert_like("bobl", "bobI", "bob1");
	/* Their own names in another case. */
	assert_like("BOB1", "bob1", "bobI");
	add(theirs, "carol");
	assert_free("car0l", "Carol");
}

static void
test_add(void **state)
{
	(void)state;
	assert_int_equal(tool_names_new(mine, &names), STORE_OK);
	assert_int_equal(users_begin(mine), STORE_OK);
	assert_free("bob1", NULL);
	assert_int_equal(tool_names_add(names, "bob1"), STORE_OK);
	assert_like("bobl", NULL, "bob1");
	users_abort(mine);
}

/* Committed by another process between our look and our lock. */
static void
test_race(void **state)
{
	(void)state;
	assert_int_equal(tool_names_new(mine, &names), STORE_OK);
	add(theirs, "paypal");
	assert_int_equal(users_begin(mine), STORE_OK);
	assert_like("paypa1", NULL, "paypal");
	users_abort(mine);
	/* And a whole generation of it. */
	add(theirs, "b0b");
	assert_int_equal(
	    store_checkpoint(users_store(theirs), NULL, NULL), STORE_OK);
	add(theirs, "zo0");
	assert_int_equal(users_begin(mine), STORE_OK);
	assert_like("bob", NULL, "b0b");
	assert_like("zoo", NULL, "zo0");
	assert_like("paypa1", NULL, "paypal");
	users_abort(mine);
}

/* An ICU whose data were cut too small. */
static void
test_no_tables(void **state)
{
	(void)state;
	add(theirs, "paypal");
	assert_int_equal(tool_names_new(mine, &names), STORE_OK);
	tool_confusable_free(names->confusable);
	names->confusable = NULL;
	assert_int_equal(tool_names_add(names, "bob"), STORE_OK);
	assert_int_equal(tool_names_check(names, "zoe", NULL, &why), STORE_OK);
	assert_non_null(strstr(buf_str(&why), "ICU"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_check),
	    CASE(test_instead_of),
	    CASE(test_add),
	    CASE(test_race),
	    CASE(test_no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
