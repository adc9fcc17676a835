/*
 * The hub over a transport in memory: what each client sees, in which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"

static void
test_first_light(void **state)
{
	struct fake *f = *state;

	struct person *a = join(f, "alice", HUB_GATECAST);
	struct person *b = join(f, "bob", HUB_PLAIN);
	say(f, a,
	    "{\"type\":\"send\",\"ref\":\"r1\",\"text\":\"hi \\\"you\\\"\"}");
	say(f, b, "hello");
	hub_flush(f->hub);
	expect(a,
	    "{\"type\":\"hello\",\"user\":\"alice\",\"epoch\":\"e0c\",\"seq\":"
	    "0,"
	    "\"resumed\":false,\"ping_s\":25,\"message_bytes\":4096,"
	    "\"online\":[{\"user\":\"alice\",\"since\":"
	    "\"2026-01-02T03:04:05.678Z\"}]}");
	expect(a, "{\"type\":\"ack\",\"ref\":\"r1\",\"seq\":3}");
	expect(a,
	    "{\"type\":\"join\",\"seq\":1,\"user\":\"alice\","
	    "\"time\":\"2026-01-02T03:04:05.678Z\"}");
	expect(a,
	    "{\"type\":\"join\",\"seq\":2,\"user\":\"bob\","
	    "\"time\":\"2026-01-02T03:04:05.678Z\"}");
	expect(a,
	    "{\"type\":\"message\",\"seq\":3,\"user\":\"alice\","
	    "\"time\":\"2026-01-02T03:04:05.678Z\","
	    "\"text\":\"hi \\\"you\\\"\"}");
	expect(a,
	    "{\"type\":\"message\",\"seq\":4,\"user\":\"bob\","
	    "\"time\":\"2026-01-02T03:04:05.678Z\",\"text\":\"hello\"}");
	expect_nothing(a);
	expect(b, "bob上线");
	expect(b, "alice-2026-01-02 03:04:05-说:hi \"you\"");
	expect(b, "bob-2026-01-02 03:04:05-说:hello");
	expect_nothing(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_first_light, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
