#include "fcgi-app/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum {
	A,
	B,
	COUNT
};

static char bytes[FORM_BODY_MAX];
static struct form_field fields[COUNT];

static enum form_err
parse_n(const char *text, size_t n, enum form_mode mode)
{
	memcpy(bytes, text, n);
	memset(fields, 0xff, sizeof(fields));
	fields[A].name = "a";
	fields[B].name = "b";
	return form_parse(bytes, n, mode, fields, COUNT);
}

static enum form_err
parse(const char *text, enum form_mode mode)
{
	return parse_n(text, strlen(text), mode);
}

static void
assert_field(int i, const char *value, size_t n)
{
	assert_non_null(fields[i].value);
	assert_int_equal(fields[i].n, n);
	assert_memory_equal(fields[i].value, value, n);
}

static void
test_strict(void **state)
{
	static const struct {
		const char *text;
		enum form_err err;
	} table[] = {
	    {"a=1&b=2", FORM_OK},
	    {"b=2&a=1", FORM_OK},
	    {"a=&b=", FORM_OK},
	    {"a&b", FORM_OK},
	    {"%61=1&b=2", FORM_OK},
	    {"", FORM_MISSING},
	    {"a=1", FORM_MISSING},
	    {"a=1&b=2&c=3", FORM_UNKNOWN},
	    {"a=1&b=2&", FORM_OK},
	    {"a=1&&b=2", FORM_UNKNOWN},
	    {"&a=1&b=2", FORM_UNKNOWN},
	    {"=1&a=1&b=2", FORM_UNKNOWN},
	    {"A=1&b=2", FORM_UNKNOWN},
	    {"a=1&b=2&a=1", FORM_DOUBLE},
	    {"a=1&%61=2&b=2", FORM_DOUBLE},
	    {"a=%&b=2", FORM_ENCODING},
	    {"a=%4&b=2", FORM_ENCODING},
	    {"a=%zz&b=2", FORM_ENCODING},
	    {"a=1&b=%4", FORM_ENCODING},
	    {"a=1&b=%", FORM_ENCODING},
	    {"%4=1&b=%41", FORM_ENCODING},
	    {"a=1;b=2", FORM_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (parse(table[i].text, FORM_STRICT) != table[i].err)
			fail_msg("%s", table[i].text);
}

static void
test_values(void **state)
{
	(void)state;
	assert_int_equal(parse("a=%41+b%2bc&b=x=y", FORM_STRICT), FORM_OK);
	assert_field(A, "A b+c", 5);
	assert_field(B, "x=y", 3);
	/* Passwords are exact bytes, NUL included. */
	assert_int_equal(parse("a=%00%ff&b=%0D%0a", FORM_STRICT), FORM_OK);
	assert_field(A, "\0\xff", 2);
	assert_field(B, "\r\n", 2);
	assert_int_equal(parse_n("a=\0&b=2", 7, FORM_STRICT), FORM_OK);
	assert_field(A, "\0", 1);
}

static void
test_query(void **state)
{
	(void)state;
	assert_int_equal(parse("c=1&a=%zz&b=2&&", FORM_QUERY), FORM_OK);
	assert_null(fields[A].value);
	assert_field(B, "2", 1);
	/* Twice has no one meaning: as if it were not there. */
	assert_int_equal(parse("a=1&b=2&a=1", FORM_QUERY), FORM_OK);
	assert_null(fields[A].value);
	assert_int_equal(fields[A].n, 0);
	assert_field(B, "2", 1);
	assert_int_equal(parse("", FORM_QUERY), FORM_OK);
	assert_null(fields[A].value);
}

static void
test_type(void **state)
{
	(void)state;
	assert_true(form_is_type("application/x-www-form-urlencoded"));
	assert_true(form_is_type("Application/X-WWW-Form-URLencoded"));
	assert_true(
	    form_is_type("application/x-www-form-urlencoded; charset=UTF-8"));
	assert_true(form_is_type("application/x-www-form-urlencoded ;x"));
	assert_false(form_is_type(NULL));
	assert_false(form_is_type(""));
	assert_false(form_is_type("application/x-www-form-urlencodedx"));
	assert_false(form_is_type("multipart/form-data; boundary=x"));
	assert_false(form_is_type("text/plain"));
	assert_false(form_is_type("application/json"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_strict),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_query),
	    cmocka_unit_test(test_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
