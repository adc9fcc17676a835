/* auth/users: the store and its secret in the making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "users_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
read_secret(char text[static 64])
{
	FILE *f = fopen(secret, "r");

	assert_non_null(f);
	memset(text, 0, 64);
	assert_int_equal(fread(text, 1, 63, f), 44);
	fclose(f);
}

static void
test_create(void **state)
{
	char before[64], after[64], path[80];
	struct stat st;

	(void)state;
	assert_int_equal(users_create(dir, &error), STORE_OK);
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	snprintf(path, sizeof(path), "%s/users", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	read_secret(before);
	assert_int_equal(before[43], '\n');
	assert_int_equal(users_create(dir, &error), STORE_OK);
	read_secret(after);
	assert_string_equal(before, after);
	assert_string_equal(buf_str(&error), "");

	assert_int_not_equal(
	    users_create("/nonexistent/directory", &error), STORE_OK);
	assert_non_null(strstr(buf_str(&error), "/nonexistent/directory"));
}

/* Several first starts at once agree on one secret. */
static void
test_create_race(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			struct users *u;
			struct record_user r;
			char name[] = {'u', (char)('0' + i), '\0'};
			int rc = users_create(dir, &error) != STORE_OK ||
			    users_open(dir, true, 5000, 0, &u, &error) !=
				STORE_OK;
			r = record(name);
			if (rc == 0)
				rc = users_begin(u) != STORE_OK ||
				    users_put(u, &r) != STORE_OK ||
				    users_commit(u) != STORE_OK;
			_exit(rc);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;
		assert_int_not_equal(wait(&status), -1);
		assert_int_equal(status, 0);
	}
	assert_int_equal(
	    users_open(dir, false, 0, 0, &users, &error), STORE_OK);
	for (int i = 0; i < 4; i++) {
		char name[] = {'u', (char)('0' + i), '\0'};
		struct record_user r;
		assert_int_equal(users_get(users, name, &r), STORE_OK);
	}
}

/* At the first look for the secret somebody else makes it, and a user. */
static bool is_armed;

static bool
come_first(const char *path)
{
	int status;

	if (!is_armed || strcmp(path, secret) != 0)
		return false;
	is_armed = false;
	pid_t pid = fork();
	if (pid == 0) {
		struct users *u;
		struct record_user r = record("alice");

		_exit(users_create(dir, &error) != STORE_OK ||
		    users_open(dir, true, 5000, 0, &u, &error) != STORE_OK ||
		    users_begin(u) != STORE_OK ||
		    users_put(u, &r) != STORE_OK ||
		    users_commit(u) != STORE_OK);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	errno = ENOENT;
	return true;
}

int
lstat(const char *restrict path, struct stat *restrict st)
{
	return come_first(path)
	    ? -1
	    : fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;

	if (come_first(path))
		return -1;
	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return openat(AT_FDCWD, path, flags, mode);
}

/* Seen missing, and there with a user a moment later: it is not lost. */
static void
test_made_meanwhile(void **state)
{
	struct record_user r;

	(void)state;
	is_armed = true;
	assert_int_equal(users_create(dir, &error), STORE_OK);
	assert_false(is_armed);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &users, &error), STORE_OK);
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
}

static void
test_opened_meanwhile(void **state)
{
	struct record_user r;

	(void)state;
	is_armed = true;
	assert_int_equal(
	    users_open(dir, false, 0, 0, &users, &error), STORE_OK);
	assert_false(is_armed);
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
}

static void
test_secret_refused(void **state)
{
	struct users *u;
	FILE *f;

	(void)state;
	assert_int_equal(chmod(secret, 0640), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);
	assert_null(u);
	assert_ptr_equal(strstr(buf_str(&error), secret), buf_str(&error));
	assert_int_equal(chmod(secret, 0604), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);

	static const char *const texts[] = {
	    "",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\n",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n\n",
	    "short\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(unlink(secret), 0);
		f = fopen(secret, "w");
		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
		assert_int_equal(chmod(secret, 0600), 0);
		assert_int_equal(
		    users_open(dir, false, 0, 0, &u, &error), STORE_CORRUPT);
		assert_null(u);
	}
	assert_int_equal(unlink(secret), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_MISSING);
	assert_int_equal(symlink("/etc/hostname", secret), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);
	/* and making it does not follow or replace the link */
	assert_int_equal(users_create(dir, &error), STORE_OK);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EMPTY(test_create),
	    EMPTY(test_create_race),
	    EMPTY(test_made_meanwhile),
	    EMPTY(test_opened_meanwhile),
	    CASE(test_secret_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
