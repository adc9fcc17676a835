/*
 * A configuration from a text, what it is refused with, and that what
 * `config show` says of it is taken again. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include "base/config.h"
#include "base/config_form.h"
#include "base/config_table.h"
#include "base/log.h"

#include <string.h>

static struct config config;
static struct buf error;

static inline int
parse(const char *text)
{
	buf_fini(&error);
	config_fini(&config);
	return config_parse(&config, "F", text, strlen(text), &error);
}

static inline void
assert_refused(const char *text, const char *message)
{
	if (parse(text) != -1)
		fail_msg("taken: %s", text);
	if (strstr(buf_str(&error), message) == NULL)
		fail_msg(
		    "%s\nsaid: %s\nnot: %s", text, buf_str(&error), message);
	assert_int_equal(error.data[error.len - 1], '\n');
}

static inline void
assert_taken(const char *text)
{
	if (parse(text) != 0)
		fail_msg("%s\nrefused: %s", text, buf_str(&error));
	assert_int_equal(error.len, 0);
}

static inline void
assert_same(const struct config *a, const struct config *b)
{
	struct buf sa = BUF_INIT, sb = BUF_INIT;

	assert_int_equal(config_show(a, &sa), 0);
	assert_int_equal(config_show(b, &sb), 0);
	assert_string_equal(buf_str(&sa), buf_str(&sb));
	buf_fini(&sa);
	buf_fini(&sb);
}

/* What config_show says is parsed to the same. */
static inline void
assert_round_trip(void)
{
	struct buf text = BUF_INIT;
	struct config again;

	assert_int_equal(config_show(&config, &text), 0);
	buf_reset(&error);
	if (config_parse(&again, "F", text.data, text.len, &error) != 0)
		fail_msg("%s\nrefused: %s", text.data, buf_str(&error));
	assert_same(&config, &again);
	for (size_t i = 0; i < config_key_count(); i++)
		assert_true(again.lines[i] > 0);
	config_fini(&again);
	buf_fini(&text);
}

static inline int
tear_down(void **state)
{
	(void)state;
	config_fini(&config);
	buf_fini(&error);
	return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

#endif
