/*
 * Arbitrary bytes as a journal: first by the parser alone, as a whole file
 * and as a tail; then, put behind a header that fits, by a store's reader.
 */
#include "base/buf.h"
#include "store/journal.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
parse(const uint8_t *data, size_t size)
{
	struct journal_header h;
	size_t at = 0;
	uint64_t generation = 1;
	if (journal_header_decode(data, size, &h) == JOURNAL_OK) {
		uint8_t again[JOURNAL_HEADER_SIZE];
		journal_header_encode(&h, again);
		if (memcmp(again, data, sizeof(again)) != 0)
			abort();
		generation = h.generation;
		at = JOURNAL_HEADER_SIZE;
	}
	while (at < size) {
		struct journal_record r;
		struct journal_op op;
		if (journal_record_decode(
			data + at, size - at, generation, at, &r) != JOURNAL_OK)
			break;
		if (r.size > size - at || r.size <= JOURNAL_FRAME_SIZE)
			abort();
		const uint8_t *body = r.body;
		size_t n = r.body_len;
		while (journal_op_next(&body, &n, &op) == JOURNAL_OK)
			if (op.type != JOURNAL_SEAL &&
			    (op.key_len == 0 ||
				op.key + op.key_len + op.value_len >
				    data + size))
				abort();
		at += r.size;
	}
	journal_is_damaged(data + at, size - at, generation, at);

	/* Ops without the checksum in the way. */
	struct journal_op op;
	const uint8_t *body = data;
	size_t n = size;
	while (journal_op_next(&body, &n, &op) == JOURNAL_OK)
		continue;
}

static char dir[] = "/tmp/gatecast-fuzz-XXXXXX";

static void
clean_up(void)
{
	static const char *const names[] = {"base.gdbm", "journal.1", "lock"};
	for (size_t i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static int
count(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)key, (void)key_len, (void)value, (void)value_len;
	++*(size_t *)arg;
	return 0;
}

static void
read_as_a_store(const uint8_t *data, size_t size)
{
	static int fd = -1;
	char path[64];
	if (fd == -1) {
		if (mkdtemp(dir) == NULL ||
		    store_create(dir, 0700, NULL) != STORE_OK)
			abort();
		atexit(clean_up);
		snprintf(path, sizeof(path), "%s/journal.1", dir);
		fd = open(path, O_RDWR);
	}
	if (ftruncate(fd, JOURNAL_HEADER_SIZE) == -1 ||
	    pwrite(fd, data, size, JOURNAL_HEADER_SIZE) != (ssize_t)size)
		abort();
	struct store_opts opts = {.dir = dir};
	struct store *s;
	size_t n = 0;
	struct store_stats stats;
	struct buf detail = BUF_INIT;
	enum store_err err = store_open(&opts, &s, &detail);
	if (err == STORE_OK) {
		if (store_each(s, count, &n) != STORE_OK ||
		    store_stats(s, &stats) != STORE_OK || stats.records != n)
			abort();
		store_close(s);
	} else if (err != STORE_CORRUPT || detail.len == 0) {
		abort();
	}
	buf_fini(&detail);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	read_as_a_store(data, size);
	if (size > 2 && size <= JOURNAL_BODY_MAX) {
		/* A right checksum around it: the ops reach the overlay. */
		struct buf b = BUF_INIT;
		if (journal_record_begin(&b) == 0 &&
		    buf_append(&b, data, size) == 0 &&
		    journal_record_finish(&b, 1, JOURNAL_HEADER_SIZE, 0) == 0)
			read_as_a_store((const uint8_t *)b.data, b.len);
		buf_fini(&b);
	}
	return 0;
}
