/*
 * Opens stores as they come, for the tests of power loss and damage, which
 * look at thousands: one process for all of them, so that starting one does
 * not cost more than looking. A line on stdin is a request:
 *
 *   look DIR               a fresh reader's records
 *   judge DIR KEY VALUE    the same ("open"); then, with that reader kept: a
 *                          writer puts KEY = VALUE ("put"), makes a
 *                          checkpoint, puts KEY = after in the new generation
 *                          ("kept"); at last a fresh reader ("fresh")
 *
 * Records are "KEY VALUE", bytes outside of printable ASCII as \xHH; each
 * list begins with its name and ends with ".". A failure is a line "!WHAT"
 * and ends the answer; "end" closes it.
 */
#include "base/buf.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 1000

static struct buf out = BUF_INIT;

static void
say_bytes(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++)
		if (p[i] > ' ' && p[i] < 0x7f && p[i] != '\\')
			buf_putc(&out, (char)p[i]);
		else
			buf_printf(&out, "\\x%02x", p[i]);
}

static int
say_record(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)arg;
	say_bytes(key, key_len);
	buf_putc(&out, ' ');
	say_bytes(value, value_len);
	return buf_putc(&out, '\n');
}

static int
say_error(const char *what, enum store_err err, const char *detail)
{
	buf_printf(&out, "!%s: %s: %s\n", what, store_strerror(err), detail);
	return -1;
}

static struct store *
open_store(const char *dir, bool is_writer)
{
	const struct store_opts opts = {
	    .dir = dir,
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = LOCK_WAIT_MS,
	};
	struct buf detail = BUF_INIT;
	struct store *s;
	enum store_err err = store_open(&opts, &s, &detail);
	if (err != STORE_OK)
		say_error(
		    is_writer ? "writer" : "reader", err, buf_str(&detail));
	buf_fini(&detail);
	return s;
}

static int
say_all(struct store *s, const char *name)
{
	buf_printf(&out, "%s\n", name);
	enum store_err err = store_each(s, say_record, NULL);
	if (err != STORE_OK)
		return say_error(name, err, store_detail(s));
	return buf_puts(&out, ".\n");
}

static int
look(const char *dir, const char *name)
{
	struct store *s = open_store(dir, false);
	int rc = s == NULL ? -1 : say_all(s, name);
	store_close(s);
	return rc;
}

static int
put(struct store *s, const char *key, const char *value)
{
	enum store_err err = store_begin(s);
	if (err == STORE_OK)
		err = store_put(s, key, strlen(key), value, strlen(value));
	if (err == STORE_OK)
		err = store_commit(s);
	else
		store_abort(s);
	return err == STORE_OK ? 0 : say_error("put", err, store_detail(s));
}

/*
 * A second name keeps the journal linked, as it still is when a checkpointer
 * dies before it removes it: a reader then has only the seal to tell it that
 * the generation is over.
 */
static int
keep_journal(struct store *s, const char *dir)
{
	struct store_stats stats;
	char from[4096], to[4096];
	enum store_err err = store_stats(s, &stats);
	if (err != STORE_OK)
		return say_error("stats", err, store_detail(s));
	snprintf(
	    from, sizeof(from), "%s/journal.%" PRIu64, dir, stats.generation);
	snprintf(to, sizeof(to), "%s/kept", dir);
	unlink(to);
	return link(from, to) == 0 ? 0 : say_error("link", STORE_IO, "journal");
}

static int
judge(const char *dir, const char *key, const char *value)
{
	struct store *reader = open_store(dir, false), *writer = NULL;
	int rc = -1;
	if (reader == NULL || say_all(reader, "open") == -1)
		goto end;
	writer = open_store(dir, true);
	if (writer == NULL || put(writer, key, value) == -1 ||
	    keep_journal(writer, dir) == -1 || say_all(reader, "put") == -1)
		goto end;
	enum store_err err = store_checkpoint(writer, NULL, NULL);
	if (err != STORE_OK) {
		say_error("checkpoint", err, store_detail(writer));
		goto end;
	}
	if (put(writer, key, "after") == -1 || say_all(reader, "kept") == -1)
		goto end;
	rc = look(dir, "fresh");
end:
	store_close(writer);
	store_close(reader);
	return rc;
}

int
main(void)
{
	static char line[16384];
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *rest = line;
		line[strcspn(line, "\n")] = '\0';
		char *verb = strsep(&rest, " "), *dir = strsep(&rest, " ");
		char *key = strsep(&rest, " "), *value = strsep(&rest, " ");
		buf_reset(&out);
		if (dir != NULL && strcmp(verb, "look") == 0)
			look(dir, "open");
		else if (value != NULL && strcmp(verb, "judge") == 0)
			judge(dir, key, value);
		else
			buf_puts(&out, "!no such request\n");
		buf_puts(&out, "end\n");
		if (out.has_failed ||
		    fwrite(out.data, 1, out.len, stdout) != out.len ||
		    fflush(stdout) != 0)
			return EXIT_FAILURE;
	}
	buf_fini(&out);
	return EXIT_SUCCESS;
}
