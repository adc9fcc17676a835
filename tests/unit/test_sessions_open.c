/* auth/sessions: opening the store, and following the keyring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions_fixture.h"

#include <sys/stat.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_open_refused),
	    CASE(test_loose_modes),
	    CASE(test_rotation),
	    CASE(test_keyring_broken),
	    CASE(test_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
