/*
 * The machine's clocks, a clock for tests, and the two spellings of time
 * that leave the programs. Calendar arithmetic is libc's; RFC 3339 clamps
 * instead of failing, because a caller that formats has nobody to tell.
 */
#include "base/clock.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_S 1000
#define RFC3339_MIN_MS (-62167219200000LL) /* 0000-01-01T00:00:00.000Z */
#define RFC3339_MAX_MS 253402300799999LL /* 9999-12-31T23:59:59.999Z */

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	/* Cannot fail for these two ids (clock_gettime(2), ERRORS). */
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / 1000000;
}

static int64_t
system_wall_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_REALTIME);
}

static int64_t
system_mono_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_MONOTONIC);
}

const struct clock *
clock_system(void)
{
	static const struct clock c = {
	    .wall_ms = system_wall_ms,
	    .mono_ms = system_mono_ms,
	};
	return &c;
}

int64_t
clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c);
}

/* Towards the past, before 1970 too. */
static int64_t
floor_s(int64_t ms)
{
	int64_t s = ms / MS_PER_S;
	return ms % MS_PER_S < 0 ? s - 1 : s;
}

int64_t
clock_wall_s(const struct clock *c)
{
	return floor_s(clock_wall_ms(c));
}

int64_t
clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c);
}

static int64_t
manual_wall_ms(const struct clock *c)
{
	return ((const struct clock_manual *)(const void *)c)->wall_now_ms;
}

static int64_t
manual_mono_ms(const struct clock *c)
{
	return ((const struct clock_manual *)(const void *)c)->mono_now_ms;
}

void
clock_manual_init(struct clock_manual *m, int64_t wall_ms)
{
	m->clock.wall_ms = manual_wall_ms;
	m->clock.mono_ms = manual_mono_ms;
	m->wall_now_ms = wall_ms;
	m->mono_now_ms = 0;
}

void
clock_manual_advance(struct clock_manual *m, int64_t ms)
{
	m->wall_now_ms += ms;
	m->mono_now_ms += ms;
}

static int64_t
clamp_ms(int64_t ms)
{
	if (ms < RFC3339_MIN_MS)
		return RFC3339_MIN_MS;
	if (ms > RFC3339_MAX_MS)
		return RFC3339_MAX_MS;
	return ms;
}

/* A decimal number of fixed width, so that no output can grow. */
static char *
put_digits(char *p, int value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + width;
}

/* "YYYY-MM-DD", sep, "HH:MM:SS" */
static char *
put_tm(char *p, const struct tm *tm, char sep)
{
	p = put_digits(p, tm->tm_year + 1900, 4);
	*p++ = '-';
	p = put_digits(p, tm->tm_mon + 1, 2);
	*p++ = '-';
	p = put_digits(p, tm->tm_mday, 2);
	*p++ = sep;
	p = put_digits(p, tm->tm_hour, 2);
	*p++ = ':';
	p = put_digits(p, tm->tm_min, 2);
	*p++ = ':';
	return put_digits(p, tm->tm_sec, 2);
}

void
clock_format_rfc3339(int64_t wall_ms, char out[static CLOCK_RFC3339_SIZE])
{
	int64_t ms = clamp_ms(wall_ms);
	time_t s = (time_t)floor_s(ms);
	struct tm tm;

	gmtime_r(&s, &tm);
	char *p = put_tm(out, &tm, 'T');
	*p++ = '.';
	p = put_digits(p, (int)(ms - (int64_t)s * MS_PER_S), 3);
	*p++ = 'Z';
	*p = '\0';
}

int
clock_parse_rfc3339(const char *text, size_t n, int64_t *wall_ms)
{
	char copy[CLOCK_RFC3339_SIZE], again[CLOCK_RFC3339_SIZE];
	struct tm tm = {0};
	int64_t part_ms;

	if (n != sizeof(copy) - 1 || !number_parse(text + 20, 3, 999, &part_ms))
		return -1;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return -1;
	int64_t ms = (int64_t)timegm(&tm) * MS_PER_S + part_ms;
	/* strptime takes more than this; and 30 February is another day. */
	clock_format_rfc3339(ms, again);
	if (memcmp(copy, again, sizeof(copy)) != 0)
		return -1;
	*wall_ms = ms;
	return 0;
}

void
clock_format_local(int64_t wall_ms, char out[static CLOCK_LOCAL_SIZE])
{
	time_t s = (time_t)floor_s(clamp_ms(wall_ms));
	struct tm tm;

	localtime_r(&s, &tm);
	/* The zone may push the clamped ends out of four digits. */
	if (tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999)
		gmtime_r(&s, &tm);
	*put_tm(out, &tm, ' ') = '\0';
}

void
clock_format_zone(int64_t wall_ms, char out[static CLOCK_ZONE_SIZE])
{
	time_t s = (time_t)floor_s(clamp_ms(wall_ms));
	struct tm tm;

	localtime_r(&s, &tm);
	long minutes = tm.tm_gmtoff / 60;
	memcpy(out, "UTC", sizeof("UTC"));
	if (minutes == 0)
		return;
	out[3] = minutes < 0 ? '-' : '+';
	minutes = minutes < 0 ? -minutes : minutes;
	char *p = put_digits(out + 4, (int)(minutes / 60), 2);
	*p++ = ':';
	*put_digits(p, (int)(minutes % 60), 2) = '\0';
}
