/*
 * A users store in a directory of its own. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_USERS_FIXTURE_H
#define TESTS_UNIT_USERS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "auth/users.h"
#include "temp_dir.h"

static char dir[64];
static char secret[128];
static struct buf error;
static struct users *users;

static inline int
setup_empty(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_users.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(secret, sizeof(secret), "%s/users/secret", dir);
	buf_init(&error);
	return crypto_init();
}

static inline int
setup(void **state)
{
	if (setup_empty(state) != 0 || users_create(dir, &error) != STORE_OK ||
	    users_open(dir, true, 1000, 0, &users, &error) != STORE_OK)
		return -1;
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	users_close(users);
	users = NULL;
	buf_fini(&error);
	return temp_dir_remove(dir);
}

static inline struct record_user
record(const char *name)
{
	struct record_user r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.hash, sizeof(r.hash), "$hash$%s", name);
	r.created_s = 1000;
	r.changed_s = 2000;
	return r;
}

static inline void
put(const char *name)
{
	struct record_user r = record(name);

	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_commit(users), STORE_OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define EMPTY(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)

#endif
