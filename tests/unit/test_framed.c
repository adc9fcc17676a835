/*
 * A run of frames taken apart, with a receiver that stops at will.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsd/framed.h"

#include <stdlib.h>
#include <string.h>

struct receiver {
	char seen[64]; /* opcode in hex and payload of each */
	int until_unfinished; /* so many more go through */
	int until_failed;
};

static enum framed_sent
receive(void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t n)
{
	struct receiver *r = arg;
	size_t used = strlen(r->seen);

	if (r->until_failed-- == 0)
		return FRAMED_FAILED;
	assert_true(used + 2 + n < sizeof(r->seen));
	r->seen[used++] = "0123456789abcdef"[opcode];
	memcpy(r->seen + used, payload, n);
	r->seen[used + n] = ' ';
	r->seen[used + n + 1] = '\0';
	return r->until_unfinished-- == 0 ? FRAMED_UNFINISHED : FRAMED_MORE;
}

/* "a" as text, "bc" as ping, nothing as text, "def" as text. */
static const uint8_t run[] = "\x81\x01"
			     "a\x89\x02"
			     "bc\x81\x00\x81\x03"
			     "def";
#define RUN (sizeof(run) - 1)
#define ALL "1a 9bc 1 1def "

static void
test_all_at_once(void **state)
{
	struct framed f = {NULL, 0};
	struct receiver r = {"", -1, -1};

	(void)state;
	assert_int_equal(framed_write(&f, run, RUN, receive, &r), 0);
	assert_string_equal(r.seen, ALL);
	assert_int_equal(f.n, 0);
	assert_null(f.rest);
}

static void
test_unfinished(void **state)
{
	(void)state;
	/* Stopped behind each frame in turn, then behind every one. */
	for (int i = 0; i < 4; i++) {
		struct framed f = {NULL, 0};
		struct receiver r = {"", i, -1};
		assert_int_equal(framed_write(&f, run, RUN, receive, &r), 0);
		if (i < 3) {
			assert_true(f.n > 0);
			assert_string_not_equal(r.seen, ALL);
			r.until_unfinished = -1;
			assert_int_equal(framed_resume(&f, receive, &r), 0);
		}
		assert_string_equal(r.seen, ALL);
		assert_int_equal(f.n, 0);
		assert_null(f.rest);
	}
	struct framed f = {NULL, 0};
	struct receiver r = {"", 0, -1};
	assert_int_equal(framed_write(&f, run, RUN, receive, &r), 0);
	int times = 0;
	while (f.n > 0) {
		r.until_unfinished = 0;
		assert_int_equal(framed_resume(&f, receive, &r), 0);
		times++;
	}
	assert_int_equal(times, 3);
	assert_string_equal(r.seen, ALL);
}

static void
test_failures(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct framed f = {NULL, 0};
		struct receiver r = {"", -1, i};
		assert_int_equal(framed_write(&f, run, RUN, receive, &r), -1);
		assert_int_equal(f.n, 0);
	}
	struct framed f = {NULL, 0};
	struct receiver r = {"", 0, 1};
	assert_int_equal(framed_write(&f, run, RUN, receive, &r), 0);
	assert_int_equal(framed_resume(&f, receive, &r), -1);
	/* What waits is still the owner's to free. */
	framed_fini(&f);
	assert_int_equal(f.n, 0);
	framed_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_at_once),
	    cmocka_unit_test(test_unfinished),
	    cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
