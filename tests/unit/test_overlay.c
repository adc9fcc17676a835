/* The overlay: last word on a key, in order, with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
set(struct overlay *o, const char *key, const char *value)
{
	return overlay_set(
	    o, key, strlen(key), value, value == NULL ? 0 : strlen(value));
}

static void
assert_value(const struct overlay *o, const char *key, const char *value)
{
	struct overlay_item item;
	assert_true(overlay_find(o, key, strlen(key), &item));
	assert_int_equal(item.key_len, strlen(key));
	assert_memory_equal(item.key, key, item.key_len);
	if (value == NULL) {
		assert_null(item.value);
		return;
	}
	assert_non_null(item.value);
	assert_int_equal(item.value_len, strlen(value));
	assert_memory_equal(item.value, value, item.value_len);
}

static void
the_last_word_counts(void **state)
{
	(void)state;
	struct overlay o;
	overlay_init(&o);
	assert_false(overlay_find(&o, "k", 1, NULL));
	set(&o, "k", "one");
	assert_value(&o, "k", "one");
	set(&o, "k", "a longer value");
	assert_value(&o, "k", "a longer value");
	set(&o, "k", "short");
	assert_value(&o, "k", "short");
	set(&o, "k", NULL);
	assert_value(&o, "k", NULL);
	set(&o, "k", "");
	assert_value(&o, "k", "");
	set(&o, "k", "back again, and longer than before");
	assert_value(&o, "k", "back again, and longer than before");
	const struct overlay_entry *cursor = NULL;
	assert_true(overlay_next(&o, &cursor, NULL));
	assert_false(overlay_next(&o, &cursor, NULL));
	overlay_fini(&o);
	cursor = NULL;
	assert_false(overlay_next(&o, &cursor, NULL));
}

static void
a_tombstone_is_a_word_too(void **state)
{
	(void)state;
	struct overlay o;
	overlay_init(&o);
	set(&o, "never seen", NULL);
	assert_value(&o, "never seen", NULL);
	set(&o, "never seen", "now");
	assert_value(&o, "never seen", "now");
	overlay_fini(&o);
}

static void
keys_are_bytes(void **state)
{
	(void)state;
	struct overlay o;
	overlay_init(&o);
	assert_int_equal(overlay_set(&o, "a\0b", 3, "1", 1), 0);
	assert_int_equal(overlay_set(&o, "a\0c", 3, "2", 1), 0);
	assert_int_equal(overlay_set(&o, "a", 1, "3", 1), 0);
	struct overlay_item item;
	assert_true(overlay_find(&o, "a\0c", 3, &item));
	assert_memory_equal(item.value, "2", 1);
	overlay_fini(&o);
}

static void
many_are_all_there_once(void **state)
{
	(void)state;
	enum {
		N = 20000
	};
	static unsigned char seen[N];
	struct overlay o;
	char key[32], value[32];
	overlay_init(&o);
	memset(seen, 0, sizeof(seen));
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < N; i++) {
			snprintf(key, sizeof(key), "key %d", i);
			snprintf(value, sizeof(value), "%d:%d", round, i);
			assert_int_equal(set(&o, key, value), 0);
		}
	const struct overlay_entry *cursor = NULL;
	struct overlay_item item;
	while (overlay_next(&o, &cursor, &item)) {
		memcpy(key, item.key, item.key_len);
		key[item.key_len] = '\0';
		int i = atoi(key + strlen("key "));
		assert_in_range(i, 0, N - 1);
		seen[i]++;
		snprintf(value, sizeof(value), "1:%d", i);
		assert_int_equal(item.value_len, strlen(value));
		assert_memory_equal(item.value, value, item.value_len);
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(seen[i], 1);
	overlay_fini(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_word_counts),
	    cmocka_unit_test(a_tombstone_is_a_word_too),
	    cmocka_unit_test(keys_are_bytes),
	    cmocka_unit_test(many_are_all_there_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
