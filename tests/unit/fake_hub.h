/*
 * A hub with a clock that stands still, people who join it over the fake
 * transport, and what they expect to see. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_FAKE_HUB_H
#define TESTS_UNIT_FAKE_HUB_H

#include "base/clock.h"
#include "base/config.h"
#include "fake_transport.h"
#include "wsd/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAKE_EPOCH 0xe0c
#define FAKE_TIME_MS INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z */
#define FAKE_PEOPLE 64

/* What gatecast.v1 looks like; numbers are strings here. */
#define TIME "2026-01-02T03:04:05.678Z"
#define HELLO(user, seq, resumed, online)                              \
	"{\"type\":\"hello\",\"user\":\"" user "\",\"epoch\":\"e0c\"," \
	"\"seq\":" seq ",\"resumed\":" resumed ",\"ping_s\":25,"       \
	"\"message_bytes\":4096,\"online\":[" online "]}"
#define ONLINE(user) "{\"user\":\"" user "\",\"since\":\"" TIME "\"}"
#define EVENT(type, seq, user)                                    \
	"{\"type\":\"" type "\",\"seq\":" seq ",\"user\":\"" user \
	"\",\"time\":\"" TIME "\""
#define JOIN(seq, user) EVENT("join", seq, user) "}"
#define LEAVE_AT(seq, user, time)                              \
	"{\"type\":\"leave\",\"seq\":" seq ",\"user\":\"" user \
	"\",\"time\":\"" time "\"}"
#define MESSAGE(seq, user, text) \
	EVENT("message", seq, user) ",\"text\":\"" text "\"}"
#define ERROR(ref, code, detail)                               \
	"{\"type\":\"error\",\"ref\":" ref ",\"code\":\"" code \
	"\",\"detail\":\"" detail "\"}"

#define NOTICE(seq, text)                                       \
	"{\"type\":\"notice\",\"seq\":" seq ",\"time\":\"" TIME \
	"\",\"text\":\"" text "\"}"

struct person {
	struct fake_conn conn;
	struct client *client; /* NULL: gone */
};

struct fake {
	struct clock_manual clock;
	struct config config;
	struct hub *hub;
	struct history *history; /* NULL: memory alone */
	struct person people[FAKE_PEOPLE];
	size_t count;
};

static inline int
fake_group_setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static inline void
fake_configure(struct fake *f)
{
	clock_manual_init(&f->clock, FAKE_TIME_MS);
	f->config.wsd.message_bytes = 4096;
	f->config.wsd.history_messages = 100;
	f->config.wsd.ping_s = 25;
	f->config.wsd.slow_bytes = 1 << 20;
	f->config.wsd.slow_s = 10;
	f->config.wsd.leave_grace_s = 5;
}

static inline int
fake_setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_configure(f);
	f->hub = hub_new(&(struct hub_opts){
	    .transport = &fake_transport,
	    .clock = &f->clock.clock,
	    .config = &f->config,
	    .epoch = FAKE_EPOCH,
	});
	assert_non_null(f->hub);
	*state = f;
	return 0;
}

static inline void
gone(struct fake *f, struct person *p)
{
	hub_gone(f->hub, p->client);
	p->client = NULL;
}

static inline int
fake_teardown(void **state)
{
	struct fake *f = *state;

	for (size_t i = 0; i < f->count; i++) {
		if (f->people[i].client != NULL)
			gone(f, &f->people[i]);
		fake_fini(&f->people[i].conn);
	}
	assert_int_equal(hub_count(f->hub), 0);
	hub_free(f->hub);
	free(f);
	return 0;
}

/* Time goes by, with a tick a second. */
static inline void
pass_time(struct fake *f, int64_t ms)
{
	for (; ms > 0; ms -= 1000) {
		clock_manual_advance(&f->clock, ms < 1000 ? ms : 1000);
		hub_tick(f->hub);
	}
}

/* A session key of 64 equal hex digits. */
static inline const char *
fake_key(char digit)
{
	static char key[SESSIONS_KEY_SIZE];

	memset(key, digit, sizeof(key) - 1);
	memcpy(key, "s:", 2);
	return key;
}

static inline struct hub_join
fake_join(const char *user, enum hub_protocol protocol)
{
	return (struct hub_join){
	    .user = user,
	    .session_key = fake_key('0'),
	    .address = "192.0.2.1",
	    .protocol = protocol,
	    .session_end_s = INT64_MAX,
	};
}

static inline struct person *
join_as(struct fake *f, struct hub_join j)
{
	assert_true(f->count < FAKE_PEOPLE);
	struct person *p = &f->people[f->count];
	j.conn = &p->conn;
	assert_int_equal(hub_join(f->hub, &j, &p->client), HUB_OK);
	f->count++;
	return p;
}

static inline struct person *
join(struct fake *f, const char *user, enum hub_protocol protocol)
{
	return join_as(f, fake_join(user, protocol));
}

static inline struct person *
resume(struct fake *f, const char *user, uint64_t epoch, uint64_t seq)
{
	struct hub_join j = fake_join(user, HUB_GATECAST);

	j.has_cursor = true;
	j.cursor_epoch = epoch;
	j.cursor_seq = seq;
	return join_as(f, j);
}

/* The transport has room again, and the round ends. */
static inline void
can_write(struct fake *f, struct person *p)
{
	hub_writable(f->hub, p->client);
	hub_flush(f->hub);
}

/* One message in one frame that came in one piece. */
static inline void
say_bytes(struct fake *f, struct person *p, const void *bytes, size_t n)
{
	hub_receive(f->hub, p->client,
	    &(struct hub_fragment){
		.bytes = bytes,
		.n = n,
		.is_first = true,
		.is_final = true,
	    });
}

static inline void
say(struct fake *f, struct person *p, const char *text)
{
	say_bytes(f, p, text, strlen(text));
}

/* {"type":"send"} without a ref. */
static inline void
send_text(struct fake *f, struct person *p, const char *text)
{
	char object[512];

	snprintf(object, sizeof(object), "{\"type\":\"send\",\"text\":\"%s\"}",
	    text);
	say(f, p, object);
}

/* Messages of so many bytes each. */
static inline void
fill(struct fake *f, struct person *from, size_t messages, size_t bytes)
{
	char text[4096];

	memset(text, 't', sizeof(text));
	for (size_t i = 0; i < messages; i++)
		say_bytes(f, from, text, bytes);
}

static inline void
expect(struct person *p, const char *payload)
{
	uint8_t first = 0;
	size_t n;
	char *text = fake_frame(&p->conn, &first, &n);

	if (text == NULL)
		fail_msg("no more frames; expected: %s", payload);
	assert_string_equal(text, payload);
	assert_int_equal(first, 0x81);
	free(text);
}

/* The next frame has that in it. */
static inline void
expect_part(struct person *p, const char *part)
{
	uint8_t first = 0;
	size_t n;
	char *text = fake_frame(&p->conn, &first, &n);

	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("no %s in: %s", part, text != NULL ? text : "nothing");
	free(text);
}

static inline void
expect_nothing(struct person *p)
{
	uint8_t first = 0;
	size_t n;
	char *text = fake_frame(&p->conn, &first, &n);

	if (text != NULL)
		fail_msg("unexpected: %02x %s", first, text);
}

/* Passes over everything up to now. */
static inline void
skip_all(struct person *p)
{
	p->conn.read = p->conn.bytes.len;
}

/* Who asks is told that nothing is kept. */
static inline void
expect_no_history(struct fake *f, struct person *p)
{
	hub_flush(f->hub);
	skip_all(p);
	say(f, p, "{\"type\":\"history\"}");
	hub_flush(f->hub);
	expect(p, "{\"type\":\"history\",\"messages\":[],\"more\":false}");
}

/* One cmocka test on a hub of its own. */
#define FAKE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

#endif
