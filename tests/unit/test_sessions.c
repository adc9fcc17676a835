/* auth/sessions: who is in, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions_fixture.h"

#include <sys/stat.h>

static void
test_begin(void **state)
{
	struct record_session r;
	char got[SESSIONS_KEY_SIZE], first[TOKEN_SIZE];

	(void)state;
	begin("aLICE");
	assert_int_equal(strncmp(token, "v1.", 3), 0);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, got),
	    SESSIONS_VALID);
	assert_string_equal(got, key);
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
	    sessions_validate(reader, token, strlen(token), &r, NULL),
	    SESSIONS_VALID);
	assert_string_equal(r.agent, "");
	/* cut before the character that does not fit: 127 + 3 bytes */
	memset(agent, 'a', 127);
	memcpy(agent + 127, "\xe4\xb8\x8a tail", 9);
	new.agent = agent;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL),
	    SESSIONS_VALID);
	assert_int_equal(strlen(r.agent), 127);
	/* a line of the log, or of the file, is not forged with it */
	new.agent = "a\nv=1 user=root\r\n";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL),
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
	assert_int_equal(sessions_validate(reader, bad, strlen(bad), &r, got),
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

static void
test_lifetimes(void **state)
{
	(void)state;
	begin("bob");
	clock_manual_advance(&manual, IDLE_S * 1000 - 1);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	clock_manual_advance(&manual, 1);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_recheck(reader, key, NULL), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(count(), 0);

	/* kept busy, the absolute end comes */
	begin("bob");
	int64_t start_s = clock_wall_s(&manual.clock);
	while (clock_wall_s(&manual.clock) < start_s + ABSOLUTE_S) {
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		assert_int_equal(sessions_touch(sessions, key), STORE_OK);
		clock_manual_advance(&manual, (IDLE_S - 1) * 1000);
	}
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
}

static void
test_no_limits(void **state)
{
	struct sessions_new new = new_for("bob");

	(void)state;
	new.idle_s = new.absolute_s = 0;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	clock_manual_advance(&manual, INT64_C(1000) * 3600 * 24 * 3650);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), NULL, key),
	    SESSIONS_VALID);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
}

static void
test_rotation(void **state)
{
	char old[TOKEN_SIZE];

	(void)state;
	begin("bob");
	memcpy(old, token, sizeof(old));
	assert_int_equal(keyring_rotate(dir, NOW_S, ABSOLUTE_S, &error), 0);
	/* the writer sees it at its next look, the reader by the token */
	clock_manual_advance(&manual, 500);
	begin("bob");
	assert_memory_not_equal(token, old, 9);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, old), SESSIONS_VALID);
	assert_int_equal(validate(sessions, old), SESSIONS_VALID);

	/* the old key is retired: within a second nobody takes it */
	assert_int_equal(keyring_rotate(dir, NOW_S, 1, &error), 0);
	assert_int_equal(keyring_rotate(dir, NOW_S + 9999, 1, &error), 0);
	clock_manual_advance(&manual, 999);
	assert_int_equal(validate(reader, old), SESSIONS_BAD_TOKEN);
	assert_int_equal(validate(sessions, old), SESSIONS_BAD_TOKEN);
	assert_non_null(keyring_current(sessions_keyring(reader)));
}

static void
test_keyring_broken(void **state)
{
	const struct sessions_new new = new_for("bob");
	char none[TOKEN_SIZE];
	struct buf good = BUF_INIT;

	(void)state;
	begin("bob");
	assert_int_equal(file_read(keyring, 4096, 0, &good), FILE_OK);
	assert_int_equal(file_replace(keyring, "v=1\n", 4, 0640), 0);
	clock_manual_advance(&manual, 1000);
	/* seen bad for the first time: perhaps half written */
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(sessions, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, ""), SESSIONS_BAD_TOKEN);
	assert_false(sessions_reload_keyring(reader));
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	clock_manual_advance(&manual, 500);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	assert_non_null(strstr(sessions_detail(reader), keyring));
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, none), STORE_DENIED);
	assert_string_equal(none, "");
	assert_non_null(keyring_current(sessions_keyring(reader)));
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	assert_int_equal(unlink(keyring), 0);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);

	assert_int_equal(file_replace(keyring, good.data, good.len, 0640), 0);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, none), STORE_OK);

	/* bad for a moment: never noticed by anybody */
	assert_int_equal(file_replace(keyring, "", 0, 0640), 0);
	clock_manual_advance(&manual, 500);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(file_replace(keyring, good.data, good.len, 0640), 0);
	clock_manual_advance(&manual, 500);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(file_replace(keyring, "", 0, 0640), 0);
	clock_manual_advance(&manual, 500);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	buf_fini(&good);
}

static void
test_failure(void **state)
{
	char path[100];

	(void)state;
	begin("bob");
	snprintf(path, sizeof(path), "%s/sessions/base.gdbm", dir);
	assert_int_equal(file_replace(path, "?", 1, 0640), 0);
	usleep(25000); /* other hands are noticed within 20 ms */
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	assert_int_equal(sessions_failure(reader), STORE_CORRUPT);
	assert_non_null(strstr(sessions_detail(reader), "base.gdbm"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	assert_int_equal(sessions_failure(reader), STORE_DENIED);
	assert_int_equal(sessions_touch(sessions, key), STORE_DENIED);
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

static void
test_loose_modes(void **state)
{
	static const struct {
		const char *name;
		mode_t bad, good;
	} cases[] = {
	    {"sessions", 0770, 0750},
	    {"sessions", 0755, 0750},
	    {"sessions/base.gdbm", 0660, 0640},
	    {"sessions/base.gdbm", 0644, 0640},
	    {"sessions/journal.1", 0642, 0640},
	    {".", 0770, 0750},
	    {".", 0702, 0700},
	};
	struct sessions *s;
	char path[100], fix[140];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, cases[i].name);
		assert_int_equal(chmod(path, cases[i].bad), 0);
		buf_reset(&error);
		assert_int_equal(
		    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
		    STORE_DENIED);
		snprintf(fix, sizeof(fix), "chmod %03o %s",
		    (unsigned)cases[i].good,
		    strcmp(cases[i].name, ".") == 0 ? dir : path);
		assert_non_null(strstr(buf_str(&error), "chmod"));
		if (cases[i].name[0] != '.')
			assert_non_null(strstr(buf_str(&error), fix));
		/* the advice is good */
		char *command = strstr(buf_str(&error), "chmod");
		assert_int_equal(system(command), 0);
		assert_int_equal(
		    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
		    STORE_OK);
		sessions_close(s);
	}
	/* a symlink in the place of the store */
	char moved[100];
	snprintf(path, sizeof(path), "%s/sessions", dir);
	snprintf(moved, sizeof(moved), "%s/elsewhere", dir);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	buf_reset(&error);
	assert_int_equal(
	    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
	    STORE_DENIED);
	assert_non_null(strstr(buf_str(&error), "symbolic link"));
}

static void
test_open_refused(void **state)
{
	struct sessions *s;

	(void)state;
	assert_int_equal(chmod(keyring, 0644), 0);
	assert_int_equal(
	    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
	    STORE_DENIED);
	assert_null(s);
	assert_non_null(strstr(buf_str(&error), keyring));
	assert_int_equal(unlink(keyring), 0);
	assert_int_equal(
	    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
	    STORE_MISSING);
	assert_null(s);
	assert_int_equal(sessions_open("/nonexistent", false, 0, 0,
			     &manual.clock, &s, &error),
	    STORE_MISSING);
	assert_null(s);
	assert_int_not_equal(
	    sessions_create_store("/nonexistent", &error), STORE_OK);
}

static void
test_clock_set_back(void **state)
{
	const int64_t day_ms = INT64_C(24) * 3600 * 1000;

	(void)state;
	begin("bob");
	/* a little, as time servers and zones do */
	clock_manual_advance(&manual, -day_ms);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	/* so far that it is wrong, e.g. a battery that died */
	clock_manual_advance(&manual, -1000);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	manual.wall_now_ms = 0;
	assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	/* it was not its end, though */
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(reader, token), SESSIONS_VALID);

	/* what was seen expired stays so */
	clock_manual_advance(&manual, IDLE_S * 1000);
	assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(sessions, token), SESSIONS_UNKNOWN);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
}

/* Where counters of other programs end, and calendars do. */
static void
test_far_times(void **state)
{
	static const int64_t times[] = {1, INT64_C(0x7fffffff) - 2,
	    INT64_C(0x80000000), INT64_C(0xffffffff), INT64_C(253402300799),
	    INT64_C(253402300800), INT64_C(9000000000000)};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		manual.wall_now_ms = times[i] * 1000;
		begin("bob");
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		/* idle, kept alive, and over to the second */
		manual.wall_now_ms += (IDLE_S - 1) * 1000;
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		for (int64_t s = IDLE_S - 1; s < ABSOLUTE_S; s += IDLE_S - 1) {
			manual.wall_now_ms = (times[i] + s) * 1000;
			assert_int_equal(
			    sessions_touch(sessions, key), STORE_OK);
		}
		manual.wall_now_ms = (times[i] + ABSOLUTE_S) * 1000 - 1;
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		manual.wall_now_ms++;
		assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
		assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
		/* and no clock brings it back */
		static const int64_t clocks[] = {0, -1, -NOW_S * 1000,
		    NOW_S * 1000, INT64_MAX / 2, INT64_MIN / 2};
		for (size_t j = 0; j < sizeof(clocks) / sizeof(clocks[0]);
		     j++) {
			manual.wall_now_ms = clocks[j];
			assert_int_equal(
			    validate(sessions, token), SESSIONS_EXPIRED);
		}
		assert_int_equal(sessions_maintain(sessions), STORE_OK);
		manual.wall_now_ms = times[i] * 1000;
		assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	}
}

/* Before 1970 nothing is begun that could not be written down. */
static void
test_before_1970(void **state)
{
	const struct sessions_new new = new_for("bob");

	(void)state;
	begin("bob");
	manual.wall_now_ms = -5000;
	char none[TOKEN_SIZE];
	enum store_err err = sessions_begin(sessions, users, &new, HASH, none);
	if (err != STORE_OK)
		assert_string_equal(none, "");
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_begin),
	    CASE(test_begin_refused),
	    CASE(test_agent),
	    CASE(test_bad_token),
	    CASE(test_lifetimes),
	    CASE(test_no_limits),
	    CASE(test_rotation),
	    CASE(test_keyring_broken),
	    CASE(test_failure),
	    CASE(test_lock_is_held),
	    CASE(test_loose_modes),
	    CASE(test_open_refused),
	    CASE(test_clock_set_back),
	    CASE(test_far_times),
	    CASE(test_before_1970),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
