/* The base: what goes in comes out, and nothing broken is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/base_gdbm.h"
#include "store/crc.h"

#include "store_fixture.h"

#include <fcntl.h>

static int
new_file(struct fixture *fx)
{
	mkdir(fx->dir, 0700);
	int fd = open(fixture_path(fx, "b"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_return_code(fd, 0);
	return fd;
}

static void
build(struct fixture *fx, int records, uint32_t *crc, uint64_t *bytes)
{
	struct base_builder *b;
	assert_int_equal(base_build_begin(new_file(fx), &b), STORE_OK);
	for (int i = 0; i < records; i++) {
		char key[32], value[32];
		snprintf(key, sizeof(key), "key %d", i);
		snprintf(value, sizeof(value), "value %d", i);
		assert_int_equal(
		    base_build_put(b, key, strlen(key), value, strlen(value)),
		    STORE_OK);
	}
	assert_int_equal(base_build_finish(b, 42, crc, bytes), STORE_OK);
}

static int
count(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	int *n = arg;
	assert_true(key_len > 4 && memcmp(key, "key ", 4) == 0);
	assert_true(value_len > 6 && memcmp(value, "value ", 6) == 0);
	(*n)++;
	return *n == 700; /* no more than these */
}

static void
what_goes_in_comes_out(void **state)
{
	struct fixture *fx = *state;
	uint32_t crc, again;
	uint64_t bytes, again_bytes, generation = 0;
	struct base *b;
	build(fx, 500, &crc, &bytes);
	int fd = open(fixture_path(fx, "b"), O_RDONLY);
	assert_int_equal(base_checksum(fd, &again, &again_bytes), 0);
	assert_int_equal(again, crc);
	assert_int_equal(again_bytes, bytes);
	assert_int_equal(bytes, fixture_size(fx, "b"));
	assert_int_equal(base_open(fd, &b, &generation), STORE_OK);
	assert_int_equal(generation, 42);
	assert_int_equal(base_count(b), 500);
	assert_int_equal(base_get(b, "key 123", 7, &fx->value), STORE_OK);
	assert_string_equal(buf_str(&fx->value), "value 123");
	assert_int_equal(base_get(b, "key 500", 7, &fx->value), STORE_NOTFOUND);
	assert_int_equal(base_get(b, "key 12", 6, NULL), STORE_OK);
	int n = 0;
	assert_int_equal(base_each(b, count, &n), STORE_OK);
	assert_int_equal(n, 500);
	n = 690; /* the walk ends when the visitor says so */
	assert_int_equal(base_each(b, count, &n), STORE_OK);
	assert_int_equal(n, 700);
	base_close(b);
}

static void
limits_and_the_last_value(void **state)
{
	struct fixture *fx = *state;
	struct base_builder *w;
	struct base *b;
	uint32_t crc;
	uint64_t bytes, generation;
	char *big = test_calloc(1, STORE_VALUE_MAX);
	memset(big, 'x', STORE_VALUE_MAX);
	assert_int_equal(base_build_begin(new_file(fx), &w), STORE_OK);
	assert_int_equal(
	    base_build_put(w, big, STORE_KEY_MAX, big, STORE_VALUE_MAX),
	    STORE_OK);
	assert_int_equal(base_build_put(w, "empty", 5, "", 0), STORE_OK);
	assert_int_equal(base_build_put(w, "twice", 5, "1", 1), STORE_OK);
	assert_int_equal(base_build_put(w, "twice", 5, "22", 2), STORE_OK);
	assert_int_equal(base_build_finish(w, 1, &crc, &bytes), STORE_OK);
	assert_int_equal(
	    base_open(open(fixture_path(fx, "b"), O_RDONLY), &b, &generation),
	    STORE_OK);
	assert_int_equal(base_count(b), 3);
	assert_int_equal(base_get(b, big, STORE_KEY_MAX, &fx->value), STORE_OK);
	assert_int_equal(fx->value.len, STORE_VALUE_MAX);
	assert_memory_equal(fx->value.data, big, STORE_VALUE_MAX);
	buf_reset(&fx->value);
	assert_int_equal(base_get(b, "empty", 5, &fx->value), STORE_OK);
	assert_int_equal(fx->value.len, 0);
	assert_int_equal(base_get(b, "twice", 5, &fx->value), STORE_OK);
	assert_string_equal(buf_str(&fx->value), "22");
	assert_int_equal(base_get(b, "gone", 4, NULL), STORE_NOTFOUND);
	base_close(b);
	test_free(big);
}

static void
what_is_no_base_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct base *b;
	uint64_t generation;
	static const char junk[8192];
	close(new_file(fx));
	assert_int_not_equal(
	    base_open(open(fixture_path(fx, "b"), O_RDONLY), &b, &generation),
	    STORE_OK);
	fixture_append(fx, "b", junk, sizeof(junk));
	assert_int_not_equal(
	    base_open(open(fixture_path(fx, "b"), O_RDONLY), &b, &generation),
	    STORE_OK);
}

static void
each_failure_has_its_own_words(void **state)
{
	struct fixture *fx = *state;
	struct base_builder *w;
	struct base *b;
	uint32_t crc;
	uint64_t bytes, generation;
	assert_int_equal(base_build_begin(new_file(fx), &w), STORE_OK);
	assert_int_equal(base_build_finish(w, 0, &crc, &bytes), STORE_IO);
	assert_string_equal(
	    base_strerror(), "it does not read back as it was written");
	assert_int_equal(
	    base_open(open(fixture_path(fx, "b"), O_RDONLY), &b, &generation),
	    STORE_CORRUPT);
	assert_string_equal(base_strerror(), "its generation is no number");
	close(new_file(fx));
	assert_int_not_equal(
	    base_open(open(fixture_path(fx, "b"), O_RDONLY), &b, &generation),
	    STORE_OK);
	assert_string_not_equal(base_strerror(), "its generation is no number");
}

static void
each_flipped_byte_changes_the_checksum(void **state)
{
	struct fixture *fx = *state;
	uint32_t crc, now;
	uint64_t bytes;
	build(fx, 20, &crc, &bytes);
	int fd = open(fixture_path(fx, "b"), O_RDONLY);
	for (long at = 0; at < (long)bytes; at += 97) {
		fixture_flip(fx, "b", at);
		assert_int_equal(base_checksum(fd, &now, &bytes), 0);
		assert_int_not_equal(now, crc);
		fixture_flip(fx, "b", at);
	}
	assert_int_equal(base_checksum(fd, &now, &bytes), 0);
	assert_int_equal(now, crc);
	close(fd);
}

static void
a_base_cut_short_while_open_is_an_error(void **state)
{
	struct fixture *fx = *state;
	uint32_t crc;
	uint64_t bytes, generation;
	struct base *b;
	build(fx, 2000, &crc, &bytes);
	assert_int_equal(
	    base_open(open(fixture_path(fx, "b"), O_RDONLY), &b, &generation),
	    STORE_OK);
	assert_return_code(truncate(fixture_path(fx, "b"), 5000), 0);
	int lost = 0;
	for (int i = 0; i < 2000; i++) {
		char key[32];
		snprintf(key, sizeof(key), "key %d", i);
		enum store_err err = base_get(b, key, strlen(key), NULL);
		assert_int_not_equal(err, STORE_NOTFOUND);
		lost += err != STORE_OK;
	}
	assert_true(lost > 0);
	base_close(b);
}

int
main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_goes_in_comes_out),
	    TEST(limits_and_the_last_value),
	    TEST(what_is_no_base_is_refused),
	    TEST(each_failure_has_its_own_words),
	    TEST(each_flipped_byte_changes_the_checksum),
	    TEST(a_base_cut_short_while_open_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
