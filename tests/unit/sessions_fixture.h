/*
 * Two users, and their sessions in a directory of their own, open as
 * login.fcgi and as wsd has them. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_SESSIONS_FIXTURE_H
#define TESTS_UNIT_SESSIONS_FIXTURE_H

#include "auth/sessions.h"
#include "base/file.h"
#include "temp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW_S INT64_C(1700000000)
#define IDLE_S 1000
#define ABSOLUTE_S 5000
#define HASH "$hash$"

static char dir[64];
static char keyring[80];
static struct buf error;
static struct users *users;
static struct sessions *sessions; /* login.fcgi */
static struct sessions *reader; /* wsd */
static struct clock_manual manual;
static char token[TOKEN_SIZE], key[SESSIONS_KEY_SIZE];

static inline void
put_user(const char *name, const char *hash, bool is_locked)
{
	struct record_user r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.hash, sizeof(r.hash), "%s", hash);
	r.is_locked = is_locked;
	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_commit(users), STORE_OK);
}

static inline int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_sessions.XXXXXX");
	if (mkdtemp(dir) == NULL || crypto_init() != 0)
		return -1;
	snprintf(keyring, sizeof(keyring), "%s/keyring", dir);
	buf_init(&error);
	clock_manual_init(&manual, NOW_S * 1000);
	if (users_create(dir, &error) != STORE_OK ||
	    sessions_create_store(dir, &error) != STORE_OK ||
	    keyring_create(dir, NOW_S, &error) != 0 ||
	    users_open(dir, true, 5000, 0, &users, &error) != STORE_OK ||
	    sessions_open(dir, true, 5000, 0, &manual.clock, &sessions,
		&error) != STORE_OK ||
	    sessions_open(dir, false, 0, 0, &manual.clock, &reader, &error) !=
		STORE_OK) {
		print_error("%s\n", buf_str(&error));
		return -1;
	}
	put_user("Alice", HASH, false);
	put_user("bob", HASH, false);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	sessions_close(reader);
	sessions_close(sessions);
	users_close(users);
	reader = sessions = NULL;
	users = NULL;
	buf_fini(&error);
	return temp_dir_remove(dir);
}

static inline struct sessions_new
new_for(const char *user)
{
	const struct sessions_new new = {
	    .user = user,
	    .address = "192.0.2.1",
	    .agent = "Mozilla/5.0 (X)",
	    .idle_s = IDLE_S,
	    .absolute_s = ABSOLUTE_S,
	    .cap = 0,
	};
	return new;
}

static inline void
begin(const char *user)
{
	const struct sessions_new new = new_for(user);

	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(sessions, token, strlen(token), NULL, key, NULL),
	    SESSIONS_VALID);
}

static inline enum sessions_verdict
validate(struct sessions *s, const char *text)
{
	return sessions_validate(s, text, strlen(text), NULL, NULL, NULL);
}

static inline int
count_one(void *arg, const char *one, const struct record_session *r)
{
	assert_true(sessions_is_key(one, strlen(one)));
	assert_string_not_equal(r->user, "");
	++*(size_t *)arg;
	return 0;
}

static inline size_t
count(void)
{
	size_t n = 0;

	assert_int_equal(sessions_each(reader, count_one, &n), STORE_OK);
	return n;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
