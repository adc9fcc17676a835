/*
 * How wsd.max_memory is divided.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/config_memory.h"

#define MIB ((int64_t)1024 * 1024)

static struct config
defaults(void)
{
	struct config c;
	struct buf error = BUF_INIT;

	assert_int_equal(config_parse(&c, "test", "", 0, &error), 0);
	buf_fini(&error);
	return c;
}

static void
check_sum(const struct config_memory *m)
{
	assert_int_equal(
	    m->base + m->connections + m->history + m->streams + m->queues,
	    m->total);
	assert_true(m->connections >= 0 && m->history >= 0);
	assert_true(m->streams >= 0 && m->queues >= (m->total - m->base) / 4);
}

static void
test_defaults_fit(void **state)
{
	(void)state;
	struct config c = defaults();
	struct config_memory m;
	struct buf out = BUF_INIT;

	config_memory_split(&c, &m);
	check_sum(&m);
	assert_int_equal(m.total, 256 * MIB);
	assert_in_range(config_memory_need(&c), 128 * MIB, 256 * MIB);
	assert_int_equal(config_memory_slow_bytes(&c, &m), c.wsd.slow_bytes);
	assert_int_equal(
	    config_memory_history_bytes(&c, &m), c.wsd.history_bytes);
	assert_int_equal(
	    config_memory_history_messages(&c, &m), c.wsd.history_messages);
	config_memory_warn(&c, &out);
	assert_int_equal(out.len, 0);
	c.wsd.max_memory = 128 * MIB;
	config_memory_warn(&c, &out);
	assert_true(out.len > 0);
	buf_fini(&out);
	config_fini(&c);
}

static void
test_small(void **state)
{
	(void)state;
	struct config c = defaults();
	struct config_memory m;

	for (c.wsd.max_memory = 1; c.wsd.max_memory < 512 * MIB;
	     c.wsd.max_memory = c.wsd.max_memory * 3 + 1) {
		config_memory_split(&c, &m);
		check_sum(&m);
		assert_true(
		    config_memory_history_bytes(&c, &m) * CONFIG_MEMORY_LOG +
			config_memory_history_messages(&c, &m) *
			    CONFIG_MEMORY_MESSAGE <=
		    m.history);
		assert_true(
		    config_memory_slow_bytes(&c, &m) * CONFIG_MEMORY_LOG <=
		    m.streams);
	}
	config_fini(&c);
}

static void
test_no_limit(void **state)
{
	(void)state;
	struct config c = defaults();
	struct config_memory m;
	struct buf out = BUF_INIT;

	c.wsd.max_memory = 0;
	config_memory_split(&c, &m);
	assert_int_equal(m.queues, 0);
	assert_int_equal(config_memory_slow_bytes(&c, &m), c.wsd.slow_bytes);
	config_memory_warn(&c, &out);
	assert_int_equal(out.len, 0);
	/* Limits that are none of their own get a share. */
	c.wsd.max_memory = 256 * MIB;
	c.wsd.history_bytes = 0;
	c.wsd.max_connections = 0;
	config_memory_split(&c, &m);
	check_sum(&m);
	assert_true(m.connections > 0);
	assert_in_range(config_memory_history_bytes(&c, &m), 1, m.history);
	config_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults_fit),
	    cmocka_unit_test(test_small),
	    cmocka_unit_test(test_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
