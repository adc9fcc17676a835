/* Configuration files, and the paths that stand in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
load(const char *path)
{
	buf_fini(&error);
	config_fini(&config);
	return config_load(&config, path, &error);
}

static void
files(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_config.XXXXXX";
	char path[64], link[64], want[256];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/g.conf", dir);
	snprintf(link, sizeof(link), "%s/link", dir);

	assert_int_equal(load(path), -1);
	snprintf(want, sizeof(want), "%s: no such file\n", path);
	assert_string_equal(buf_str(&error), want);
	assert_int_equal(load(dir), -1);
	snprintf(want, sizeof(want), "%s: not a regular file\n", dir);
	assert_string_equal(buf_str(&error), want);

	if (access(CONFIG_PATH_DEFAULT, F_OK) == -1) {
		assert_int_equal(load(NULL), 0);
		assert_int_equal(config.login.workers, 4);
		assert_int_equal(load(CONFIG_PATH_DEFAULT), -1);
	}

	put(path, "[log]\nlevel = debug\n");
	assert_int_equal(load(path), 0);
	assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(symlink("g.conf", link), 0);
	assert_int_equal(load(link), 0);
	assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
	unlink(path);
	assert_int_equal(load(link), -1);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10); /* blocking fails the test */
	assert_int_equal(load(path), -1);
	alarm(0);
	unlink(path);

	put(path, "[log]\nlevel = debugg\n");
	assert_int_equal(load(path), -1);
	snprintf(want, sizeof(want),
	    "%s:2: log.level cannot be \"debugg\"; allowed: one of err warn "
	    "notice info debug\n",
	    path);
	assert_string_equal(buf_str(&error), want);

	struct buf big = BUF_INIT;
	while (big.len < 256 * 1024)
		buf_puts(&big, "# ..............................\n");
	put(path, buf_str(&big));
	assert_int_equal(load(path), -1);
	assert_non_null(strstr(buf_str(&error), ": longer than 256 KiB\n"));
	buf_fini(&big);
	unlink(path);
	unlink(link);
	rmdir(dir);
}

/* With dir in the place of each @. */
static int
check_paths(const char *pattern, const char *dir)
{
	struct buf text = BUF_INIT;

	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '@')
			buf_puts(&text, dir);
		else
			buf_putc(&text, *pattern);
	}
	assert_taken(buf_str(&text));
	buf_fini(&text);
	return config_check_paths(&config, "F", true, &error);
}

static void
dangling_paths(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_config.XXXXXX";
	char want[200];

	assert_non_null(mkdtemp(dir));
	assert_int_equal(check_paths("[store]\ndir = @\n", dir), 0);
	assert_int_equal(error.len, 0);
	assert_int_equal(
	    check_paths("[store]\ndir = @\n[login]\ntemplates = @\n"
			"listen = unix:@/a\n[wsd]\nlisten = unix:@/b\n"
			"control = unix:@/c\n"
			"history_dir = @/made/\n",
		dir),
	    0);
	/* TCP and nothing have no directory. */
	assert_int_equal(check_paths("[store]\ndir = @\n[login]\nlisten =\n"
				     "[wsd]\nlisten = 127.0.0.1:1\n"
				     "history_dir =\n",
			     dir),
	    0);
	/* In the root directory. */
	assert_int_equal(
	    check_paths("[store]\ndir = @\n[wsd]\nlisten = unix:/s\n", dir), 0);

	assert_int_equal(
	    check_paths("[store]\n\ndir = @/none\n[login]\n"
			"templates = @/none\nlisten = unix:@/none/a\n[wsd]\n"
			"listen = unix:@/none/b\ncontrol = unix:@/none/c\n"
			"history_dir = @/none/h\n",
		dir),
	    -1);
	snprintf(want, sizeof(want), "F:3: store.dir: %s/none: No such", dir);
	assert_non_null(strstr(buf_str(&error), want));
	snprintf(want, sizeof(want), "\nF:5: login.templates: %s/none:", dir);
	assert_non_null(strstr(buf_str(&error), want));
	snprintf(want, sizeof(want),
	    "\nF:6: login.listen: directory of %s/none/a:", dir);
	assert_non_null(strstr(buf_str(&error), want));
	assert_non_null(strstr(buf_str(&error), "\nF:8: wsd.listen: "));
	assert_non_null(strstr(buf_str(&error), "\nF:9: wsd.control: "));
	assert_non_null(strstr(buf_str(&error), "\nF:10: wsd.history_dir: "));

	/* A file in a directory's place; a default names no line. */
	assert_int_equal(check_paths("[store]\ndir = /dev/null\n", dir), -1);
	assert_non_null(strstr(buf_str(&error),
	    "F:2: store.dir: /dev/null: "
	    "Not a directory"));
	assert_taken("");
	free(config.store.dir);
	config.store.dir = strdup("/nonexistent/store");
	assert_int_equal(config_check_paths(&config, "F", true, &error), -1);
	assert_non_null(
	    strstr(buf_str(&error), "F: store.dir: /nonexistent/store: "));
	assert_int_equal(config_check_paths(&config, "F", false, &error), 0);
	/* Defaults of other programs are nobody's fault. */
	assert_null(strstr(buf_str(&error), "wsd."));
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(files),
	    TEST(dangling_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
