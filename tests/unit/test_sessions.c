/* auth/sessions: how they begin, and who is in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions_fixture.h"

static void
test_begin(void **state)
{
	struct record_session r;
	char got[SESSIONS_KEY_SIZE], first[TOKEN_SIZE];
	uint8_t id[TOKEN_ID_BYTES], want[TOKEN_ID_BYTES];

	(void)state;
	begin("aLICE");
	assert_int_equal(strncmp(token, "v1.", 3), 0);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, got, id),
	    SESSIONS_VALID);
	assert_string_equal(got, key);
	assert_int_equal(token_verify(sessions_keyring(sessions), TOKEN_SESSION,
			     token, strlen(token), want),
	    TOKEN_OK);
	assert_memory_equal(id, want, sizeof(id));
	assert_true(sessions_is_key(got, strlen(got)));
	/* the name as the account has it */
	assert_string_equal(r.user, "Alice");
	assert_string_equal(r.address, "192.0.2.1");
	assert_string_equal(r.agent, "Mozilla/5.0 (X)");
	assert_int_equal(r.created_s, NOW_S);
	assert_int_equal(r.seen_s, NOW_S);
	assert_int_equal(r.expires_s, NOW_S + ABSOLUTE_S);
	assert_int_equal(r.idle_s, IDLE_S);
	assert_int_equal(sessions_recheck(reader, key, &r), SESSIONS_VALID);

	memcpy(first, token, sizeof(first));
	begin("Alice");
	assert_string_not_equal(first, token);
	assert_int_equal(validate(reader, first), SESSIONS_VALID);
	assert_int_equal(count(), 2);
}

static void
test_begin_refused(void **state)
{
	struct sessions_new new = new_for("carol");

	(void)state;
	memset(token, 'x', sizeof(token));
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_NOTFOUND);
	assert_string_equal(token, "");
	/* the password was changed meanwhile */
	new.user = "bob";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, "$other$", token),
	    STORE_NOTFOUND);
	put_user("bob", HASH, true);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_NOTFOUND);
	put_user("bob", HASH, false);
	new.address = "0123456789012345678901234567890123456789012345";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_INVALID);
	new.address = "";
	new.user = "";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_INVALID);
	assert_int_equal(count(), 0);

	/* both locks are free again, also after a refusal */
	begin("bob");
	assert_int_equal(users_begin(users), STORE_OK);
	users_abort(users);

	new = new_for("bob");
	assert_int_equal(
	    sessions_begin(reader, users, &new, HASH, token), STORE_READONLY);
	assert_int_equal(users_begin(users), STORE_OK);
	users_abort(users);
	assert_int_equal(count(), 1);
}

static void
test_agent(void **state)
{
	struct sessions_new new = new_for("bob");
	struct record_session r;
	char agent[300];

	(void)state;
	new.agent = NULL;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL, NULL),
	    SESSIONS_VALID);
	assert_string_equal(r.agent, "");
	/* cut before the character that does not fit: 127 + 3 bytes */
	memset(agent, 'a', 127);
	memcpy(agent + 127, "\xe4\xb8\x8a tail", 9);
	new.agent = agent;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL, NULL),
	    SESSIONS_VALID);
	assert_int_equal(strlen(r.agent), 127);
	/* a line of the log, or of the file, is not forged with it */
	new.agent = "a\nv=1 user=root\r\n";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL, NULL),
	    SESSIONS_VALID);
	assert_string_equal(r.agent, new.agent);
	assert_string_equal(r.user, "bob");
}

static void
test_bad_token(void **state)
{
	struct record_session r;
	char got[SESSIONS_KEY_SIZE] = "unset", bad[TOKEN_SIZE];

	(void)state;
	begin("bob");
	memcpy(bad, token, sizeof(bad));
	bad[strlen(bad) - 2] = bad[strlen(bad) - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(
	    sessions_validate(reader, bad, strlen(bad), &r, got, NULL),
	    SESSIONS_BAD_TOKEN);
	assert_string_equal(got, "unset");
	assert_int_equal(validate(reader, ""), SESSIONS_BAD_TOKEN);
	/* well signed, of another purpose, or never begun */
	uint8_t id[TOKEN_ID_BYTES] = {1, 2, 3};
	token_make(sessions_keyring(sessions), TOKEN_CSRF, id, bad);
	assert_int_equal(validate(reader, bad), SESSIONS_BAD_TOKEN);
	token_make(sessions_keyring(sessions), TOKEN_SESSION, id, bad);
	assert_int_equal(validate(reader, bad), SESSIONS_UNKNOWN);

	/* the store is not asked about a bad one */
	char path[100];
	snprintf(path, sizeof(path), "%s/sessions", dir);
	assert_int_equal(temp_dir_remove(path), 0);
	usleep(25000); /* other hands are noticed within 20 ms */
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	bad[strlen(bad) - 2] = bad[strlen(bad) - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(validate(reader, bad), SESSIONS_BAD_TOKEN);
	assert_string_not_equal(sessions_detail(reader), "");
}

/* Another process writes, or stopped while it did. */
static void
test_lock_is_held(void **state)
{
	const struct sessions_new new = new_for("bob");
	struct sessions *other;
	char none[TOKEN_SIZE];

	(void)state;
	begin("bob");
	assert_int_equal(
	    sessions_open(dir, true, 50, 0, &manual.clock, &other, &error),
	    STORE_OK);
	assert_int_equal(store_begin(sessions_store(sessions)), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(other, token), SESSIONS_VALID);
	assert_int_equal(sessions_end(other, key), STORE_BUSY);
	assert_int_equal(
	    sessions_begin(other, users, &new, HASH, none), STORE_BUSY);
	assert_string_equal(none, "");
	/* these wait for nobody */
	clock_manual_advance(&manual, IDLE_S * 1000 / 2);
	assert_int_equal(sessions_touch(other, key), STORE_BUSY);
	clock_manual_advance(&manual, IDLE_S * 1000 / 2);
	assert_int_equal(validate(other, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(other), STORE_OK);
	/* nor is forgotten what could not be deleted */
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(other, token), SESSIONS_EXPIRED);
	store_abort(sessions_store(sessions));
	assert_int_equal(sessions_maintain(other), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	sessions_close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_begin),
	    CASE(test_begin_refused),
	    CASE(test_agent),
	    CASE(test_bad_token),
	    CASE(test_lock_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
