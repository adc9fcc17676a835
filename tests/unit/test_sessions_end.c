/* auth/sessions: ended means ended, for everybody and at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/sessions_index.h"
#include "sessions_fixture.h"

#include <sys/wait.h>

static void
test_end(void **state)
{
	(void)state;
	begin("bob");
	assert_int_equal(sessions_end(reader, key), STORE_READONLY);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(sessions_end(sessions, key), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	assert_int_equal(sessions_end(sessions, key), STORE_NOTFOUND);
	assert_int_equal(sessions_recheck(reader, key, NULL), SESSIONS_UNKNOWN);
	assert_int_equal(sessions_end(sessions, "s:12"), STORE_INVALID);
	assert_int_equal(sessions_end(sessions, ""), STORE_INVALID);
	/* no lock is left behind */
	begin("bob");
}

static void
test_is_key(void **state)
{
	char text[] = "s:0123456789abcdef0123456789abcdef"
		      "0123456789abcdef0123456789abcdef";

	(void)state;
	assert_true(sessions_is_key(text, 66));
	assert_false(sessions_is_key(text, 65));
	assert_false(sessions_is_key(text, 67));
	text[0] = 'n';
	assert_false(sessions_is_key(text, 66));
	text[0] = 's';
	text[65] = 'F';
	assert_false(sessions_is_key(text, 66));
	text[65] = '\0';
	assert_false(sessions_is_key(text, 66));
}

static void
test_end_user(void **state)
{
	char alice[TOKEN_SIZE], kept[TOKEN_SIZE], keep[SESSIONS_KEY_SIZE];
	size_t ended;

	(void)state;
	begin("Alice");
	memcpy(alice, token, sizeof(alice));
	for (int i = 0; i < 20; i++) {
		begin("bob");
		if (i == 7) {
			memcpy(kept, token, sizeof(kept));
			memcpy(keep, key, sizeof(keep));
		}
	}
	assert_int_equal(
	    sessions_end_user(sessions, "bob", keep, &ended), STORE_OK);
	assert_int_equal(ended, 19);
	assert_int_equal(validate(reader, kept), SESSIONS_VALID);
	assert_int_equal(validate(reader, alice), SESSIONS_VALID);
	assert_int_equal(count(), 2);
	/* the one kept is found again, in any case of the name */
	assert_int_equal(
	    sessions_end_user(sessions, "BOB", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(validate(reader, kept), SESSIONS_UNKNOWN);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 0);
	assert_int_equal(
	    sessions_end_user(sessions, "nobody", NULL, NULL), STORE_OK);
	assert_int_equal(
	    sessions_end_user(sessions, "", NULL, &ended), STORE_INVALID);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", "x", &ended), STORE_INVALID);
	assert_int_equal(
	    sessions_end_user(reader, "bob", NULL, &ended), STORE_READONLY);
	assert_int_equal(validate(reader, alice), SESSIONS_VALID);
	/* and a new one of that user is found after that */
	begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
}

static void
test_end_everybody(void **state)
{
	size_t ended;

	(void)state;
	begin("Alice");
	begin("bob");
	begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, NULL, key, &ended), STORE_OK);
	assert_int_equal(ended, 2);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(
	    sessions_end_user(sessions, NULL, NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(count(), 0);
	/* the lists that stayed behind do no harm */
	begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
}

/* 5000 of bob's, in his list, begun without their syncs. */
static void
begin_many(void)
{
	struct store *store = sessions_store(sessions);
	char head[SESSIONS_INDEX_SIZE];

	assert_int_equal(sessions_index_of("bob", head), 0);
	assert_int_equal(store_begin(store), STORE_OK);
	for (unsigned i = 0; i < 5000; i++) {
		static const char value[] =
		    "v=1 user=bob created=1700000000 seen=1700000000 exp=0 "
		    "idle=0 addr= agent=";
		char one[SESSIONS_KEY_SIZE];

		snprintf(one, sizeof(one), "s:%064x", i);
		assert_int_equal(store_put(store, one, SESSIONS_KEY_LEN, value,
				     sizeof(value) - 1),
		    STORE_OK);
		assert_int_equal(
		    sessions_index_add(store, head, one, 0), STORE_OK);
	}
	assert_int_equal(store_commit(store), STORE_OK);
	assert_int_equal(count(), 5000);
}

static void
kill_with_some_left(
    void *arg, const void *one, size_t len, const void *value, size_t n)
{
	(void)arg;
	(void)value;
	(void)n;
	if (one != NULL && sessions_is_key(one, len) && count() < 5000)
		_exit(1);
}

/*
 * More than one record of the journal takes; killed between two of them, the
 * next attempt finds the rest.
 */
static void
test_end_many(void **state)
{
	size_t ended;
	int status;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin_many();
		if (i == 0) {
			pid_t pid = fork();
			if (pid == 0) {
				store_set_observer(sessions_store(sessions),
				    kill_with_some_left, NULL);
				_exit(sessions_end_user(sessions, "bob", NULL,
					  NULL) == STORE_OK);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_in_range(count(), 1, 4999);
			assert_int_equal(
			    sessions_end_user(sessions, "bob", NULL, &ended),
			    STORE_OK);
		} else {
			assert_int_equal(
			    sessions_end_user(sessions, NULL, NULL, &ended),
			    STORE_OK);
			assert_int_equal(ended, 5000);
		}
		assert_int_equal(count(), 0);
	}
}

static bool
is_bobs_or_malformed(void *arg, const struct record_session *r)
{
	++*(size_t *)arg;
	return r == NULL || strcmp(r->user, "bob") == 0;
}

static void
test_end_if(void **state)
{
	static const char odd[] =
	    "s:"
	    "0000000000000000000000000000000000000000000000000000000000000000";
	struct store *store = sessions_store(sessions);
	size_t ended, asked = 0;

	(void)state;
	begin("bob");
	begin("Alice");
	begin("bob");
	assert_int_equal(store_begin(store), STORE_OK);
	assert_int_equal(
	    store_put(store, odd, SESSIONS_KEY_LEN, "x", 1), STORE_OK);
	assert_int_equal(store_commit(store), STORE_OK);
	assert_int_equal(
	    sessions_end_if(sessions, is_bobs_or_malformed, &asked, &ended),
	    STORE_OK);
	assert_int_equal(asked, 4);
	assert_int_equal(ended, 3);
	assert_int_equal(count(), 1);
	assert_int_equal(
	    store_get(store, odd, SESSIONS_KEY_LEN, NULL), STORE_NOTFOUND);
	assert_int_equal(
	    sessions_end_if(reader, is_bobs_or_malformed, &asked, &ended),
	    STORE_READONLY);
}

struct feed {
	size_t ended, other;
	char last[SESSIONS_KEY_SIZE];
};

static void
observe(void *arg, const void *one, size_t key_len, const void *value,
    size_t value_len)
{
	struct feed *f = arg;

	(void)value_len;
	if (one == NULL || !sessions_is_key(one, key_len)) {
		f->other++;
		return;
	}
	if (value == NULL) {
		f->ended++;
		memcpy(f->last, one, key_len);
	}
}

static void
test_feed(void **state)
{
	struct feed f = {0, 0, ""};

	(void)state;
	store_set_observer(sessions_store(reader), observe, &f);
	begin("bob");
	begin("bob");
	assert_int_equal(store_refresh(sessions_store(reader)), STORE_OK);
	assert_int_equal(f.ended, 0);
	assert_int_equal(sessions_end(sessions, key), STORE_OK);
	assert_int_equal(store_refresh(sessions_store(reader)), STORE_OK);
	assert_int_equal(f.ended, 1);
	assert_string_equal(f.last, key);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, NULL), STORE_OK);
	assert_int_equal(store_refresh(sessions_store(reader)), STORE_OK);
	assert_int_equal(f.ended, 2);
	assert_true(f.other > 0);
}

/*
 * A lock (or a delete, or a new password) that was acknowledged: no session
 * that began before it lives on, and none begins after it.
 */
static void
test_begin_against_lock(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		int ready[2];
		char byte;

		put_user("bob", HASH, false);
		assert_int_equal(pipe(ready), 0);
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			const struct sessions_new new = new_for("bob");
			struct users *u;
			struct sessions *s;
			enum store_err err;
			int begun = 0;
			if (users_open(dir, true, 5000, 0, &u, &error) !=
				STORE_OK ||
			    sessions_open(dir, true, 5000, 0, &manual.clock, &s,
				&error) != STORE_OK)
				_exit(1);
			do {
				err = sessions_begin(s, u, &new, HASH, token);
				if (write(ready[1], "x", 1) != 1)
					_exit(2);
			} while (err == STORE_OK && ++begun < 5000);
			_exit(err == STORE_NOTFOUND ? 0 : 3);
		}
		for (int i = 0; i < 3 + round; i++)
			assert_int_equal(read(ready[0], &byte, 1), 1);
		put_user("bob", HASH, true);
		assert_int_equal(
		    sessions_end_user(sessions, "bob", NULL, NULL), STORE_OK);
		assert_int_equal(count(), 0);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(count(), 0);
		close(ready[0]);
		close(ready[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_end),
	    CASE(test_is_key),
	    CASE(test_end_user),
	    CASE(test_end_everybody),
	    CASE(test_end_many),
	    CASE(test_end_if),
	    CASE(test_feed),
	    CASE(test_begin_against_lock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
