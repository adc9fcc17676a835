/*
 * A throttle store in a directory of its own, and tries that count in it.
 * Include after cmocka.h.
 */
#ifndef TESTS_UNIT_THROTTLE_FIXTURE_H
#define TESTS_UNIT_THROTTLE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/throttle_impl.h"
#include "temp_dir.h"

#define NOW_S INT64_C(1700000000)
#define YEARS_S INT64_C(315360000) /* ten */
#define FREE 5
#define ADDRESS_FREE 20

static char dir[64];
static struct buf error;
static struct clock_manual manual;
static struct throttle *throttle;
static const uint8_t device[TOKEN_ID_BYTES] = "a browser's ID.";
static const uint8_t other_device[TOKEN_ID_BYTES] = "another one's.";

static inline void
open_it(void)
{
	assert_int_equal(
	    throttle_open(dir, true, 5000, &manual.clock, &throttle, &error),
	    STORE_OK);
}

static inline int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_throttle.XXXXXX");
	if (mkdtemp(dir) == NULL || crypto_init() != 0)
		return -1;
	buf_init(&error);
	clock_manual_init(&manual, NOW_S * 1000);
	if (throttle_create(dir, &error) != STORE_OK)
		return -1;
	open_it();
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	throttle_close(throttle);
	throttle = NULL;
	buf_fini(&error);
	return temp_dir_remove(dir);
}

static inline struct throttle_who
from(const char *name, const char *address, const uint8_t *id)
{
	return (struct throttle_who){
	    .name = name, .address = address, .device = id};
}

/* Seconds to wait; 0: it was counted. The look before it says the same. */
static inline int64_t
try_as(struct throttle_who who)
{
	int64_t before_s, wait_s;

	assert_int_equal(throttle_wait_s(throttle, &who, &before_s), STORE_OK);
	assert_int_equal(throttle_take(throttle, &who, &wait_s), STORE_OK);
	assert_int_equal(before_s, wait_s);
	return wait_s;
}

static inline int64_t
try_name(const char *name)
{
	return try_as(from(name, "unix", NULL));
}

static inline void
guess(struct throttle_who who, int times)
{
	while (times-- > 0)
		assert_int_equal(try_as(who), 0);
}

static inline void
succeed(struct throttle_who who)
{
	int64_t wait_s;

	assert_int_equal(throttle_take(throttle, &who, &wait_s), STORE_OK);
	assert_int_equal(wait_s, 0);
	assert_int_equal(throttle_give_back(throttle, &who), STORE_OK);
}

struct seen {
	size_t n;
	const char *who; /* look for this one */
	enum throttle_kind kind;
	int64_t fails;
};

static inline int
see(void *arg, enum throttle_kind kind, const struct record_throttle *r)
{
	struct seen *s = arg;

	s->n++;
	if (s->who != NULL && strcmp(r->who, s->who) == 0 && kind == s->kind)
		s->fails += r->state.fails;
	return 0;
}

static inline int64_t
fails_of(enum throttle_kind kind, const char *who)
{
	struct seen s = {.who = who, .kind = kind};

	assert_int_equal(throttle_each(throttle, see, &s), STORE_OK);
	return s.fails;
}

static inline size_t
count(void)
{
	struct seen s = {0};

	assert_int_equal(throttle_each(throttle, see, &s), STORE_OK);
	return s.n;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
