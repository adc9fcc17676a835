/*
 * The byte buffer: content, the NUL behind it, and failure that sticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

static void
empty_is_a_string(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;

	assert_string_equal(buf_str(&b), "");
	buf_consume(&b, 0);
	buf_reset(&b);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	buf_fini(&b);
}

static void
appends_keep_bytes_and_nul(void **state)
{
	(void)state;
	struct buf b;

	buf_init(&b);
	assert_int_equal(buf_append(&b, "a\0b", 3), 0);
	assert_int_equal(buf_puts(&b, "cd"), 0);
	assert_int_equal(buf_putc(&b, 'e'), 0);
	assert_int_equal(buf_printf(&b, "-%d-%s", 42, "x"), 0);
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.data, "a\0bcde-42-x", 12);
	buf_fini(&b);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
}

static void
grows_over_every_capacity(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < 10000; i++) {
		assert_int_equal(buf_putc(&b, (char)('a' + i % 26)), 0);
		assert_true(b.cap > b.len);
		assert_int_equal(b.data[b.len], '\0');
	}
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_fini(&b);
}

static void
printf_longer_than_what_is_there(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;

	for (int width = 60; width < 70; width++) {
		buf_reset(&b);
		assert_int_equal(buf_printf(&b, "%*d", width, 7), 0);
		assert_int_equal(b.len, width);
		assert_int_equal(b.data[width - 1], '7');
	}
	assert_int_equal(buf_printf(&b, "%*d", 5000, 8), 0);
	assert_int_equal(b.len, 5069);
	assert_int_equal(b.data[5068], '8');
	buf_fini(&b);
}

static void
consume_drops_the_front(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;

	buf_puts(&b, "hello world");
	buf_consume(&b, 6);
	assert_string_equal(buf_str(&b), "world");
	buf_consume(&b, 5);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "again");
	assert_string_equal(buf_str(&b), "again");
	buf_fini(&b);
}

static void
failure_sticks_until_reset(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;

	buf_puts(&b, "kept");
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 4), -1);
	assert_true(b.has_failed);
	assert_int_equal(buf_puts(&b, "x"), -1);
	assert_int_equal(buf_putc(&b, 'x'), -1);
	assert_int_equal(buf_printf(&b, "%d", 1), -1);
	assert_int_equal(buf_append(&b, "x", 1), -1);
	assert_int_equal(buf_reserve(&b, 0), -1);
	assert_string_equal(buf_str(&b), "kept");
	buf_reset(&b);
	assert_false(b.has_failed);
	assert_int_equal(buf_puts(&b, "new"), 0);
	assert_string_equal(buf_str(&b), "new");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_is_a_string),
	    cmocka_unit_test(appends_keep_bytes_and_nul),
	    cmocka_unit_test(grows_over_every_capacity),
	    cmocka_unit_test(printf_longer_than_what_is_there),
	    cmocka_unit_test(consume_drops_the_front),
	    cmocka_unit_test(failure_sticks_until_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
