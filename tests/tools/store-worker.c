/*
 * One process of the store's kill test and bench:
 *
 *   store-worker DIR create
 *   store-worker DIR write NAME COUNT   put NAME.i = i, again and again over
 *                                       20 keys, every third one deleted
 *   store-worker DIR delete NAME COUNT  the same keys, deleted more often
 *   store-worker DIR forget NAME COUNT  write, without fdatasync
 *   store-worker DIR checkpoint COUNT   checkpoints in a row
 *   store-worker DIR put KEY VALUE      one record
 *   store-worker DIR read               stays open; answers lines on stdin
 *
 * Writers print "try put KEY VALUE" before and "put KEY VALUE" after the
 * acknowledgement (del likewise), each line by one write. COUNT 0: for ever.
 */
#include "base/buf.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS 20

static struct buf detail = BUF_INIT;

static int
fail(const char *what, enum store_err err, const char *words)
{
	fprintf(stderr, "store-worker: %s: %s: %s\n", what, store_strerror(err),
	    words);
	return EXIT_FAILURE;
}

static void
say(const char *line)
{
	size_t n = strlen(line);
	if (write(STDOUT_FILENO, line, n) != (ssize_t)n)
		exit(EXIT_FAILURE); /* nobody listens any more */
}

static struct store *
open_store(const char *dir, bool is_writer, bool has_sync)
{
	struct store_opts opts = {
	    .dir = dir,
	    .is_writer = is_writer,
	    .has_sync = has_sync,
	    .lock_wait_ms = 20000,
	    .reserve_bytes = is_writer ? 65536 : 0,
	};
	struct store *s;
	enum store_err err = store_open(&opts, &s, &detail);
	if (err != STORE_OK)
		exit(fail("open", err, buf_str(&detail)));
	return s;
}

static int
change(struct store *s, const char *key, const char *value)
{
	char line[160];
	snprintf(line, sizeof(line), "try %s %s %s\n",
	    value == NULL ? "del" : "put", key, value == NULL ? "" : value);
	say(line);
	enum store_err err = store_begin(s);
	if (err == STORE_OK)
		err = value == NULL
		    ? store_del(s, key, strlen(key))
		    : store_put(s, key, strlen(key), value, strlen(value));
	if (err == STORE_OK)
		err = store_commit(s);
	else
		store_abort(s);
	if (err != STORE_OK)
		return fail("commit", err, store_detail(s));
	say(line + 4);
	return EXIT_SUCCESS;
}

static int
run_writer(
    const char *dir, const char *name, long count, int deletes, bool has_sync)
{
	struct store *s = open_store(dir, true, has_sync);
	int rc = EXIT_SUCCESS;
	for (long i = 0; rc == EXIT_SUCCESS && (count == 0 || i < count); i++) {
		char key[64], value[64];
		snprintf(key, sizeof(key), "%s.%ld", name, i * 7 % KEYS);
		snprintf(value, sizeof(value), "%ld-%ld", (long)getpid(), i);
		rc = change(s, key, i % 3 < deletes ? NULL : value);
	}
	store_close(s);
	return rc;
}

static int
run_checkpoints(const char *dir, long count)
{
	struct store *s = open_store(dir, true, true);
	enum store_err err = STORE_OK;
	for (long i = 0; count == 0 || i < count; i++) {
		err = store_checkpoint(s, NULL, NULL);
		if (err != STORE_OK && err != STORE_BUSY)
			return fail("checkpoint", err, store_detail(s));
		say(err == STORE_OK ? "checkpoint\n" : "busy\n");
	}
	store_close(s);
	return EXIT_SUCCESS;
}

static int
show(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct buf *out = arg;
	return buf_printf(out, "%.*s %.*s\n", (int)key_len, (const char *)key,
	    (int)value_len, (const char *)value);
}

/*
 * "all" lists the records, ended by "."; a key gives its value, "-" for none.
 * Errors are lines that begin with "!".
 */
static int
run_reader(const char *dir)
{
	struct store *s = open_store(dir, false, true);
	struct buf out = BUF_INIT;
	char line[256];
	say("ready\n");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		enum store_err err;
		line[strcspn(line, "\n")] = '\0';
		buf_reset(&out);
		if (strcmp(line, "all") == 0) {
			err = store_each(s, show, &out);
			buf_puts(&out, ".\n");
		} else {
			err = store_get(s, line, strlen(line), &out);
			if (err == STORE_NOTFOUND) {
				err = STORE_OK;
				buf_puts(&out, "-");
			}
			buf_putc(&out, '\n');
		}
		if (err != STORE_OK) {
			buf_reset(&out);
			buf_printf(&out, "!%s: %s\n", store_strerror(err),
			    store_detail(s));
		}
		say(buf_str(&out));
	}
	buf_fini(&out);
	store_close(s);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	int rc = 2;
	if (strcmp(mode, "create") == 0) {
		enum store_err err = store_create(argv[1], 02750, NULL);
		rc = err == STORE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
	} else if (strcmp(mode, "write") == 0 && argc == 5) {
		rc = run_writer(
		    argv[1], argv[3], strtol(argv[4], NULL, 10), 1, true);
	} else if (strcmp(mode, "delete") == 0 && argc == 5) {
		rc = run_writer(
		    argv[1], argv[3], strtol(argv[4], NULL, 10), 2, true);
	} else if (strcmp(mode, "forget") == 0 && argc == 5) {
		rc = run_writer(
		    argv[1], argv[3], strtol(argv[4], NULL, 10), 1, false);
	} else if (strcmp(mode, "checkpoint") == 0 && argc == 4) {
		rc = run_checkpoints(argv[1], strtol(argv[3], NULL, 10));
	} else if (strcmp(mode, "put") == 0 && argc == 5) {
		struct store *s = open_store(argv[1], true, true);
		rc = change(s, argv[3], argv[4]);
		store_close(s);
	} else if (strcmp(mode, "read") == 0) {
		rc = run_reader(argv[1]);
	} else {
		fprintf(stderr,
		    "usage: store-worker DIR create | "
		    "write NAME COUNT | delete NAME COUNT | "
		    "forget NAME COUNT | "
		    "checkpoint COUNT | put KEY VALUE | read\n");
	}
	buf_fini(&detail);
	return rc;
}
