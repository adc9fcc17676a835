/*
 * Private queues and unfinished messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/client.h"

#include <stdlib.h>
#include <string.h>

static void
test_queue(void **state)
{
	struct client *c = client_new();
	size_t n;

	(void)state;
	assert_non_null(c);
	client_queued(c, &n);
	assert_int_equal(n, 0);
	assert_int_equal(client_queue(c, FRAME_TEXT, "one", 3), 0);
	assert_int_equal(client_queue(c, FRAME_PING, "", 0), 0);
	const uint8_t *bytes = client_queued(c, &n);
	assert_int_equal(n, 7);
	assert_memory_equal(bytes, "\x81\x03one\x89\x00", 7);
	client_sent(c, 5);
	bytes = client_queued(c, &n);
	assert_int_equal(n, 2);
	assert_memory_equal(bytes, "\x89\x00", 2);
	assert_int_equal(client_queue(c, FRAME_TEXT, "x", 1), 0);
	client_queued(c, &n);
	assert_int_equal(n, 5);
	client_sent(c, 5);
	assert_null(c->queue);
	client_free(c);
	client_free(NULL);
}

static void
test_queue_grows(void **state)
{
	struct client *c = client_new();
	char *big = malloc(100000);
	size_t n, total = 0;

	(void)state;
	assert_non_null(c);
	assert_non_null(big);
	memset(big, 'b', 100000);
	for (size_t i = 1; i <= 100000; i *= 10) {
		assert_int_equal(client_queue(c, FRAME_TEXT, big, i), 0);
		total += i + (i < 126 ? 2 : i < 65536 ? 4 : 10);
	}
	client_queued(c, &n);
	assert_int_equal(n, total);
	client_drop_queue(c);
	client_queued(c, &n);
	assert_int_equal(n, 0);
	free(big);
	client_free(c);
}

static void
test_partial(void **state)
{
	struct client *c = client_new();
	uint8_t bytes[1000];

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(client_collect(c, NULL, 0, 5), 0);
	assert_non_null(c->partial);
	assert_int_equal(c->partial->n, 0);
	for (size_t i = 0; i < sizeof(bytes); i += 100)
		assert_int_equal(
		    client_collect(c, bytes + i, 100, 6 + (int64_t)i), 0);
	assert_int_equal(c->partial->n, sizeof(bytes));
	assert_int_equal(c->partial->since_ms, 5);
	assert_memory_equal(c->partial->bytes, bytes, sizeof(bytes));
	client_drop_partial(c);
	assert_null(c->partial);
	client_drop_partial(c);
	client_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_queue),
	    cmocka_unit_test(test_queue_grows),
	    cmocka_unit_test(test_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
