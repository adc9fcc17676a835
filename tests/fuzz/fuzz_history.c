/*
 * Arbitrary ops as a record of wsd's journal: by the parser alone, where
 * what was read is written again as it was; then by a hub that starts with
 * it, whose next start must find what this one wrote.
 */
#include "../unit/fake_transport.h"
#include "base/clock.h"
#include "store/journal.h"
#include "wsd/history.h"
#include "wsd/hub.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EPOCH 0xe0c

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing here is to outlive the machine. */
int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int
fsync(int fd)
{
	(void)fd;
	return 0;
}

static char dir[] = "/tmp/gatecast-fuzz-XXXXXX";

static void
remove_all(void)
{
	static const char *const names[] = {"journal", "lock", "damaged.0"};
	char path[64];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static void
clean_up(void)
{
	remove_all();
	rmdir(dir);
}

static void
parse(const uint8_t *data, size_t size)
{
	struct buf again = BUF_INIT;
	struct history_op op;
	const uint8_t *p = data;
	size_t n = size;

	while (history_op_next(&p, &n, &op) == HISTORY_OP_OK)
		history_op_put(&again, &op);
	if (again.has_failed || again.len != size - n ||
	    (again.len > 0 && memcmp(again.data, data, again.len) != 0))
		abort();
	buf_fini(&again);
}

/* A journal of that epoch with the ops in its second record. */
static void
plant(const uint8_t *ops, size_t size)
{
	uint8_t header[JOURNAL_HEADER_SIZE];
	const struct journal_header h = {.generation = 1};
	struct buf file = BUF_INIT, record = BUF_INIT;
	char path[64];

	journal_header_encode(&h, header);
	buf_append(&file, header, sizeof(header));
	for (int i = 0; i < 2; i++) {
		journal_record_begin(&record);
		if (i == 0)
			history_op_put(&record,
			    &(struct history_op){
				.type = HISTORY_BEGIN,
				.epoch = EPOCH,
				.seq = 5,
			    });
		else
			buf_append(&record, ops, size);
		if (journal_record_finish(&record, 1, file.len, 0) == 0)
			buf_append(&file, record.data, record.len);
	}
	snprintf(path, sizeof(path), "%s/journal", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (pwrite(fd, file.data, file.len, 0) != (ssize_t)file.len)
		abort();
	close(fd);
	buf_fini(&file);
	buf_fini(&record);
}

/* Starts, lets somebody resume from the beginning; what it is told. */
static struct buf
run(uint64_t epoch)
{
	static const char boot[HISTORY_BOOT_BYTES];
	struct clock_manual clock;
	struct config config = {.wsd = {
				    .message_bytes = 4096,
				    .history_messages = 16,
				    .ping_s = 25,
				    .slow_bytes = 1 << 20,
				    .slow_s = 30,
				    .leave_grace_s = 5,
				}};
	struct fake_conn conn;
	struct buf error = BUF_INIT;
	struct client *c;

	clock_manual_init(&clock, 0);
	memset(&conn, 0, sizeof(conn));
	struct history *history = history_open(
	    &(struct history_opts){
		.dir = dir,
		.clock = &clock.clock,
		.config = &config,
		.boot = boot,
	    },
	    &error);
	if (history == NULL)
		abort();
	struct hub *hub = hub_new(&(struct hub_opts){
	    .transport = &fake_transport,
	    .clock = &clock.clock,
	    .config = &config,
	    .epoch = epoch,
	    .history = history,
	});
	if (hub == NULL || history_is_failing(history))
		abort();
	const struct hub_join join = {
	    .conn = &conn,
	    .user = "zoe",
	    .session_key = "s:00000000000000000000000000000000"
			   "00000000000000000000000000000000",
	    .address = "::1",
	    .protocol = HUB_GATECAST,
	    .session_end_s = INT64_MAX,
	    .has_cursor = true,
	    .cursor_epoch = EPOCH,
	};
	if (hub_join(hub, &join, &c) != HUB_OK)
		abort();
	hub_flush(hub);
	hub_gone(hub, c);
	hub_free(hub);
	history_free(history);
	buf_fini(&error);
	return conn.bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int is_ready;

	parse(data, size);
	if (!is_ready) {
		if (mkdtemp(dir) == NULL)
			abort();
		atexit(clean_up);
		is_ready = 1;
	}
	plant(data, size);
	struct buf first = run(EPOCH);
	/* zoe's join is in it now; the second start adds nothing more. */
	struct buf second = run(EPOCH + 1);
	struct buf third = run(EPOCH + 2);
	if (second.len != third.len ||
	    memcmp(second.data, third.data, second.len) != 0)
		abort();
	buf_fini(&first);
	buf_fini(&second);
	buf_fini(&third);
	remove_all();
	return 0;
}
