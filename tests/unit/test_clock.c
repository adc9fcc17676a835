/*
 * Spellings of time at their edges, and the clock that tests own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	int64_t ms;
	const char *utc;
	const char *shanghai;
} table[] = {
    {0, "1970-01-01T00:00:00.000Z", "1970-01-01 08:00:00"},
    {-1, "1969-12-31T23:59:59.999Z", "1970-01-01 07:59:59"},
    {-1000, "1969-12-31T23:59:59.000Z", "1970-01-01 07:59:59"},
    {951782399999, "2000-02-28T23:59:59.999Z", "2000-02-29 07:59:59"},
    {951782400000, "2000-02-29T00:00:00.000Z", "2000-02-29 08:00:00"},
    {1767323045678, "2026-01-02T03:04:05.678Z", "2026-01-02 11:04:05"},
    {253402300799999, "9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59"},
    {253402300800000, "9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59"},
    {INT64_MAX, "9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59"},
    {-62167219200000, "0000-01-01T00:00:00.000Z", "0000-01-01 08:00:00"},
    {-62167219200001, "0000-01-01T00:00:00.000Z", "0000-01-01 08:00:00"},
    {INT64_MIN, "0000-01-01T00:00:00.000Z", "0000-01-01 08:00:00"},
};

static void
formats(void **state)
{
	(void)state;
	char utc[CLOCK_RFC3339_SIZE + 1];
	char local[CLOCK_LOCAL_SIZE + 1];

	/* POSIX spelling, so that no zone files are needed. */
	setenv("TZ", "CST-8", 1);
	tzset();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		utc[CLOCK_RFC3339_SIZE] = '#';
		local[CLOCK_LOCAL_SIZE] = '#';
		clock_format_rfc3339(table[i].ms, utc);
		clock_format_local(table[i].ms, local);
		assert_string_equal(utc, table[i].utc);
		assert_string_equal(local, table[i].shanghai);
		assert_int_equal(strlen(utc), CLOCK_RFC3339_SIZE - 1);
		assert_int_equal(utc[CLOCK_RFC3339_SIZE], '#');
		assert_int_equal(local[CLOCK_LOCAL_SIZE], '#');
	}
	/* West of Greenwich the other end leaves the four digits. */
	setenv("TZ", "EST5", 1);
	tzset();
	clock_format_local(INT64_MIN, local);
	assert_string_equal(local, "0000-01-01 00:00:00");
}

static void
zones(void **state)
{
	static const struct {
		const char *tz, *zone;
	} cases[] = {
	    {"UTC0", "UTC"},
	    {"CST-8", "UTC+08:00"},
	    {"EST5", "UTC-05:00"},
	    {"IST-5:30", "UTC+05:30"},
	    {"NST3:30", "UTC-03:30"},
	    {"LMT-0:0:30", "UTC"},
	};
	char zone[CLOCK_ZONE_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("TZ", cases[i].tz, 1);
		tzset();
		zone[CLOCK_ZONE_SIZE] = '#';
		clock_format_zone(0, zone);
		assert_string_equal(zone, cases[i].zone);
		assert_int_equal(zone[CLOCK_ZONE_SIZE], '#');
	}
}

static void
parses_its_own_spelling_alone(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} cases[] = {
	    {"1970-01-01T00:00:00.000Z", 0},
	    {"2026-02-28T23:59:59.999Z", 1772323199999},
	    {"2024-02-29T00:00:00.001Z", 1709164800001},
	    {"2026-02-29T00:00:00.000Z", -1},
	    {"2026-13-01T00:00:00.000Z", -1},
	    {"2026-01-01T24:00:00.000Z", -1},
	    {"2026-01-01T23:59:60.000Z", -1},
	    {"2026-01-01 00:00:00.000Z", -1},
	    {"2026-01-01T00:00:00.000z", -1},
	    {"2026-01-01T00:00:00.00Z", -1},
	    {"2026-01-01T00:00:00Z", -1},
	    {"2026-01-01T00:00:00,000Z", -1},
	    {"2026-1-01T00:00:00.0000Z", -1},
	    {" 026-01-01T00:00:00.000Z", -1},
	    {"2026-01-01T00:00:00.000+", -1},
	    {"", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		int rc = clock_parse_rfc3339(
		    cases[i].text, strlen(cases[i].text), &ms);
		assert_int_equal(rc, cases[i].ms == -1 ? -1 : 0);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void
manual_stands_still(void **state)
{
	(void)state;
	struct clock_manual m;

	clock_manual_init(&m, 1500);
	assert_int_equal(clock_wall_ms(&m.clock), 1500);
	assert_int_equal(clock_wall_s(&m.clock), 1);
	assert_int_equal(clock_mono_ms(&m.clock), 0);
	clock_manual_advance(&m, 499);
	assert_int_equal(clock_wall_s(&m.clock), 1);
	clock_manual_advance(&m, 1);
	assert_int_equal(clock_wall_s(&m.clock), 2);
	assert_int_equal(clock_mono_ms(&m.clock), 500);
	m.wall_now_ms = -1;
	assert_int_equal(clock_wall_s(&m.clock), -1);
	assert_int_equal(clock_mono_ms(&m.clock), 500);
}

static void
system_tells_the_time(void **state)
{
	(void)state;
	const struct clock *c = clock_system();

	time_t before = time(NULL);
	int64_t wall = clock_wall_s(c);
	assert_in_range(wall, before, before + 60);
	int64_t mono = clock_mono_ms(c);
	assert_true(mono > 0);
	assert_true(clock_mono_ms(c) >= mono);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats),
	    cmocka_unit_test(zones),
	    cmocka_unit_test(parses_its_own_spelling_alone),
	    cmocka_unit_test(manual_stands_still),
	    cmocka_unit_test(system_tells_the_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
