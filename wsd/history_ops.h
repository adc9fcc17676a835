/*
 * What stands in the records of wsd's journal. A record's body is a row of
 * ops that take effect together: what happened in one turn. Pure: bytes in,
 * enum out; integers little-endian. DESIGN.md has the table.
 */
#ifndef WSD_HISTORY_OPS_H
#define WSD_HISTORY_OPS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_BOOT_BYTES 36
#define HISTORY_PAYLOAD_MAX (UINT32_C(1) << 24)
#define HISTORY_NAME_MAX 1024 /* bytes of a user's name, and of a ref */

enum history_op_type {
	HISTORY_BEGIN = 1, /* epoch, seq of the newest event before, boot */
	HISTORY_EVENT = 2, /* the next event: is_said, wall_ms, payload */
	HISTORY_SILENT = 3, /* the next event, of which nothing is kept */
	HISTORY_REF = 4, /* the message seq of user had that ref */
	HISTORY_ONLINE = 5, /* user, since wall_ms */
	HISTORY_OFFLINE = 6, /* user */
	HISTORY_SYNCED = 7, /* on disk before anybody was told */
	HISTORY_STOP = 8, /* an orderly end, on disk */
};

struct history_op {
	enum history_op_type type;
	bool is_said; /* a message or notice */
	uint64_t epoch;
	uint64_t seq;
	int64_t wall_ms;
	char boot[HISTORY_BOOT_BYTES]; /* of the machine, boot_id */
	const char *user; /* 1..HISTORY_NAME_MAX bytes */
	size_t user_bytes;
	const char *ref; /* the same */
	size_t ref_bytes;
	const char *payload; /* 1..HISTORY_PAYLOAD_MAX, as it was sent */
	size_t payload_bytes;
};

/* Appends one; failure stays in the buffer (buf.h). */
void history_op_put(struct buf *out, const struct history_op *op);

enum history_op_err {
	HISTORY_OP_OK = 0,
	HISTORY_OP_END, /* no further op */
	HISTORY_OP_BAD, /* not one */
};

/* Takes the next op off the body. Strings point into it. */
enum history_op_err
history_op_next(const uint8_t **body, size_t *n, struct history_op *out);

#endif
