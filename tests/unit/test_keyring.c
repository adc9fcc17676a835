/* auth/keyring: what a file may say, and what rotation keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/keyring.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define LINE(kid, state) \
	"kid=" kid " key=" SECRET " created=100 state=" state "\n"

static char dir[64];
static char path[128];
static struct buf error;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_keyring.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/keyring", dir);
	buf_init(&error);
	return crypto_init();
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&error);
	unlink(path);
	return rmdir(dir);
}

static void
write_text(const char *text, mode_t mode)
{
	unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
test_parse(void **state)
{
	static const char text[] = "v=1\n" LINE("old", "previous")
	    LINE("new", "current") LINE("older", "previous");
	struct keyring k;

	(void)state;
	assert_int_equal(keyring_parse(text, strlen(text), &k, &error), 0);
	assert_int_equal(k.n, 3);
	assert_string_equal(k.keys[0].kid, "new");
	assert_string_equal(k.keys[1].kid, "old");
	assert_string_equal(k.keys[2].kid, "older");
	assert_int_equal(k.keys[0].created_s, 100);
	for (size_t i = 0; i < CRYPTO_KEY_BYTES; i++)
		assert_int_equal(k.keys[0].secret[i], i);
	assert_ptr_equal(keyring_current(&k), &k.keys[0]);
	assert_ptr_equal(keyring_find(&k, "older", 5), &k.keys[2]);
	assert_ptr_equal(keyring_find(&k, "oldest", 3), &k.keys[1]);
	assert_null(keyring_find(&k, "ol", 2));
	assert_null(keyring_find(&k, "old\0", 4));
	assert_null(keyring_find(&k, "", 0));
	keyring_wipe(&k);
	assert_null(keyring_current(&k));
}

static void
test_parse_refuses(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
	    {"", "no key with state=current"},
	    {"v=1\n", "no key with state=current"},
	    {"v=1\n" LINE("a", "previous"), "no key with state=current"},
	    {"v=2\n" LINE("a", "current"),
		"of version 2, and this gatecast reads version 1: a later"},
	    {"v=0\n", "of version 0, and this gatecast reads version 1: an"},
	    {"v=01\n" LINE("a", "current"), "line 1: v=1 expected"},
	    {"v=4294967296\n" LINE("a", "current"), "line 1: v=1 expected"},
	    {LINE("a", "current"), "line 1: v=1 expected"},
	    {"v=1\r\n" LINE("a", "current"), "line 1: v=1 expected"},
	    {"v=1\n\n" LINE("a", "current"), "line 2: kid= with"},
	    {"v=1\n" LINE("a", "current") LINE("b", "current"),
		"line 3: a second key"},
	    {"v=1\n" LINE("a", "previous") LINE("b", "current")
		    LINE("c", "current"),
		"line 4: a second key"},
	    {"v=1\n" LINE("a", "current") LINE("a", "previous"),
		"line 3: this kid"},
	    {"v=1\n" LINE("", "current"), "line 2: kid= with"},
	    {"v=1\n" LINE("A", "current"), "line 2: kid= with"},
	    {"v=1\n" LINE("a.b", "current"), "line 2: kid= with"},
	    {"v=1\n" LINE("abcdefghi", "current"), "line 2: kid= with"},
	    {"v=1\n" LINE("a", "retired"), "line 2: state= must"},
	    {"v=1\n" LINE("a", ""), "line 2: state= must"},
	    {"v=1\n" LINE("a", "current more"), "line 2: state= as the last"},
	    {"v=1\n" LINE("a", "current "), "line 2: state= as"},
	    {"v=1\nkid=a key=" SECRET " created=100 state=current",
		"line 2: the last line is cut"},
	    {"v=1\nkid=a key=" SECRET " created=100\n", "line 2: state= as"},
	    {"v=1\nkid=a key=" SECRET " state=current created=1\n",
		"line 2: created="},
	    {"v=1\nkid=a key=" SECRET " created=-1 state=current\n",
		"line 2: created="},
	    {"v=1\nkid=a key=" SECRET " created=01 state=current\n",
		"line 2: created="},
	    {"v=1\nkid=a key=" SECRET " created= state=current\n",
		"line 2: created="},
	    {"v=1\nkid=a key=" SECRET
	     " created=99999999999999999999 state=current\n",
		"line 2: created="},
	    {"v=1\nkid=a key=" SECRET "= created=1 state=current\n",
		"line 2: key="},
	    {"v=1\nkid=a key=AAEC created=1 state=current\n", "line 2: key="},
	    {"v=1\nkid=a  key=" SECRET " created=1 state=current\n",
		"line 2: key="},
	    {"v=1\n" LINE("a", "current") LINE("b", "previous") LINE(
		 "c", "previous") LINE("d", "previous") LINE("e", "previous")
		    LINE("f", "previous") LINE("g", "previous")
			LINE("h", "previous") LINE("i", "previous"),
		"line 10: more than 8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct keyring k;

		buf_reset(&error);
		if (keyring_parse(
			bad[i].text, strlen(bad[i].text), &k, &error) != -1)
			fail_msg("taken: %s", bad[i].text);
		assert_int_equal(k.n, 0);
		if (strncmp(buf_str(&error), bad[i].error,
			strlen(bad[i].error)) != 0)
			fail_msg("%s: %s", bad[i].text, buf_str(&error));
	}
	static const char nul[] =
	    "v=1\nkid=a\0 key=" SECRET " created=1 state=current\n";
	struct keyring k;
	assert_int_equal(keyring_parse(nul, sizeof(nul) - 1, &k, &error), -1);
}

static void
test_create(void **state)
{
	struct keyring k, again;
	struct stat st;

	(void)state;
	assert_int_equal(keyring_create(dir, 1000, &error), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(keyring_load(dir, &k, &error), 0);
	assert_int_equal(k.n, 1);
	assert_int_equal(strlen(k.keys[0].kid), 6);
	assert_int_equal(k.keys[0].created_s, 1000);
	static const uint8_t zero[CRYPTO_KEY_BYTES];
	assert_memory_not_equal(k.keys[0].secret, zero, sizeof(zero));

	/* a second time: the same key stays */
	assert_int_equal(keyring_create(dir, 2000, &error), 0);
	assert_int_equal(keyring_load(dir, &again, &error), 0);
	assert_memory_equal(&k, &again, sizeof(k));
	assert_string_equal(buf_str(&error), "");
}

static void
test_load_refuses(void **state)
{
	static const char good[] = "v=1\n" LINE("a", "current");
	static const mode_t modes[] = {0644, 0641, 0642, 0660, 0666};
	struct keyring k;
	char other[160];

	(void)state;
	assert_int_equal(keyring_load(dir, &k, &error), -1);
	assert_ptr_equal(strstr(buf_str(&error), path), buf_str(&error));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_text(good, modes[i]);
		assert_int_equal(keyring_load(dir, &k, &error), -1);
		assert_int_equal(k.n, 0);
	}
	write_text(good, 0600);
	assert_int_equal(keyring_load(dir, &k, &error), 0);
	write_text(good, 0640);
	assert_int_equal(keyring_load(dir, &k, &error), 0);

	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink("other", path), 0);
	assert_int_equal(keyring_load(dir, &k, &error), -1);
	/* and creating does not write through it */
	assert_int_equal(unlink(other), 0);
	assert_int_equal(keyring_create(dir, 1, &error), 0);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(keyring_load(dir, &k, &error), -1);
	assert_int_equal(keyring_rotate(dir, 1, 1, &error), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(keyring_load(dir, &k, &error), -1);
	assert_int_equal(rmdir(path), 0);

	char *longer = malloc(8192);
	assert_non_null(longer);
	memset(longer, '\n', 8191);
	longer[8191] = '\0';
	write_text(longer, 0640);
	free(longer);
	buf_reset(&error);
	assert_int_equal(keyring_load(dir, &k, &error), -1);
	assert_non_null(strstr(buf_str(&error), path));
}

static void
test_rotate(void **state)
{
	struct keyring a, b, c, d;

	(void)state;
	assert_int_equal(keyring_rotate(dir, 1000, 500, &error), -1);
	buf_reset(&error);
	assert_int_equal(keyring_create(dir, 1000, &error), 0);
	assert_int_equal(keyring_load(dir, &a, &error), 0);
	assert_int_equal(keyring_rotate(dir, 5000, 500, &error), 0);
	assert_int_equal(keyring_load(dir, &b, &error), 0);
	assert_int_equal(b.n, 2);
	assert_string_not_equal(b.keys[0].kid, a.keys[0].kid);
	assert_memory_not_equal(
	    b.keys[0].secret, a.keys[0].secret, CRYPTO_KEY_BYTES);
	assert_int_equal(b.keys[0].created_s, 5000);
	assert_string_equal(b.keys[1].kid, a.keys[0].kid);
	assert_memory_equal(
	    b.keys[1].secret, a.keys[0].secret, CRYPTO_KEY_BYTES);
	assert_int_equal(b.keys[1].state, KEYRING_PREVIOUS);

	/* replaced exactly keep_s ago: may still have a second to live */
	assert_int_equal(keyring_rotate(dir, 5500, 500, &error), 0);
	assert_int_equal(keyring_load(dir, &c, &error), 0);
	assert_int_equal(c.n, 3);
	/* the first was replaced at 5000, the second at 5500 */
	assert_int_equal(keyring_rotate(dir, 5501, 500, &error), 0);
	assert_int_equal(keyring_load(dir, &d, &error), 0);
	assert_int_equal(d.n, 3);
	assert_null(keyring_find(&d, a.keys[0].kid, 6));
	assert_non_null(keyring_find(&d, b.keys[0].kid, 6));
	assert_non_null(keyring_find(&d, c.keys[0].kid, 6));
	assert_string_equal(buf_str(&error), "");
}

static void
test_rotate_full(void **state)
{
	struct keyring k, after;

	(void)state;
	assert_int_equal(keyring_create(dir, 1000, &error), 0);
	for (int i = 1; i < KEYRING_KEYS_MAX; i++)
		assert_int_equal(keyring_rotate(dir, 1000 + i, 0, &error), 0);
	assert_int_equal(keyring_load(dir, &k, &error), 0);
	assert_int_equal(k.n, KEYRING_KEYS_MAX);
	assert_int_equal(keyring_rotate(dir, 2000, 100000, &error), -1);
	assert_non_null(strstr(buf_str(&error), "still verify"));
	assert_non_null(strstr(buf_str(&error), "rotate again when"));
	buf_reset(&error);
	assert_int_equal(keyring_rotate(dir, 200000, 0, &error), -1);
	assert_null(strstr(buf_str(&error), "rotate again when"));
	assert_int_equal(keyring_load(dir, &after, &error), 0);
	assert_memory_equal(&k, &after, sizeof(k));
	/* a clock set back drops nothing */
	assert_int_equal(keyring_rotate(dir, 0, 100, &error), -1);
	assert_int_equal(keyring_rotate(dir, 1007 + 101, 100, &error), 0);
	assert_int_equal(keyring_load(dir, &after, &error), 0);
	assert_int_equal(after.n, 2);
}

static void
same(void *bytes, size_t n)
{
	memset(bytes, 7, n);
}

static void
test_same_kid(void **state)
{
	struct keyring k;

	(void)state;
	crypto_set_random(same);
	assert_int_equal(keyring_create(dir, 1, &error), 0);
	assert_int_equal(keyring_rotate(dir, 2, 0, &error), -1);
	crypto_set_random(NULL);
	assert_int_equal(keyring_load(dir, &k, &error), 0);
	assert_int_equal(k.n, 1);
}

/* Two programs rotate at once: no rotation is lost. */
static void
test_concurrent(void **state)
{
	struct keyring k;

	(void)state;
	assert_int_equal(keyring_create(dir, 1, &error), 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			for (int j = 0; j < 3; j++)
				if (keyring_rotate(dir, 2, 0, &error) != 0)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++) {
		int status;
		assert_int_not_equal(wait(&status), -1);
		assert_int_equal(status, 0);
	}
	assert_int_equal(keyring_load(dir, &k, &error), 0);
	assert_int_equal(k.n, 7);
}

static void
test_watch(void **state)
{
	struct keyring_watch w;
	struct stat st;

	(void)state;
	memset(&w, 0, sizeof(w));
	assert_int_equal(keyring_watch(dir, &w), -1);
	assert_int_equal(keyring_create(dir, 1, &error), 0);
	assert_int_equal(keyring_watch(dir, &w), 1);
	assert_int_equal(keyring_watch(dir, &w), 0);
	assert_int_equal(keyring_watch(dir, &w), 0);
	assert_int_equal(keyring_rotate(dir, 2, 0, &error), 0);
	assert_int_equal(keyring_watch(dir, &w), 1);
	assert_int_equal(keyring_watch(dir, &w), 0);

	/* other bytes under the same inode, size and mtime */
	assert_int_equal(stat(path, &st), 0);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "?", 1, 0), 1);
	const struct timespec old[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(futimens(fd, old), 0);
	close(fd);
	assert_int_equal(keyring_watch(dir, &w), 1);
	assert_int_equal(keyring_watch(dir, &w), 0);
	/* a mode, and a symlink to the very file */
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(keyring_watch(dir, &w), 1);
	char moved[sizeof(path) + 8];
	snprintf(moved, sizeof(moved), "%s.moved", path);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	assert_int_equal(keyring_watch(dir, &w), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(moved), 0);
	assert_int_equal(keyring_watch(dir, &w), -1);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_parse),
	    CASE(test_parse_refuses),
	    CASE(test_create),
	    CASE(test_load_refuses),
	    CASE(test_rotate),
	    CASE(test_rotate_full),
	    CASE(test_same_kid),
	    CASE(test_concurrent),
	    CASE(test_watch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
