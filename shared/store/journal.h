/*
 * The bytes of a journal: a header, then records, each with a checksum over
 * its generation, place and content. Pure: bytes in, enum out; the caller
 * reads and writes the file. All integers little-endian; DESIGN.md has the
 * table. What stands in a record's body is the owner's; the store's is ops.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_VERSION_OURS 1
#define JOURNAL_HEADER_SIZE 64
#define JOURNAL_FRAME_SIZE 16 /* len, crc, durable */
#define JOURNAL_BODY_MAX (UINT32_C(64) << 20) /* an import of 100,000 users */

enum journal_err {
	JOURNAL_OK = 0,
	JOURNAL_END, /* no further op */
	JOURNAL_SHORT, /* could be whole if there were more bytes */
	JOURNAL_BAD, /* length or checksum cannot be */
	JOURNAL_MAGIC, /* not a journal */
	JOURNAL_VERSION, /* another than JOURNAL_VERSION_OURS */
};

struct journal_header {
	uint64_t generation;
	uint64_t base_bytes; /* size of the base this journal goes on from */
	uint32_t base_crc; /* crc32c of that base */
	/*
	 * End of the records that came over from the journal before: they
	 * were on disk before the base had its name, and must be whole.
	 */
	uint64_t carried;
	uint32_t version; /* as found; JOURNAL_VERSION: all that is set */
};

void journal_header_encode(
    const struct journal_header *h, uint8_t out[static JOURNAL_HEADER_SIZE]);

enum journal_err
journal_header_decode(const void *bytes, size_t n, struct journal_header *out);

struct journal_record {
	uint64_t durable; /* all before this offset was on disk by then */
	const uint8_t *body; /* into the bytes */
	size_t body_len;
	size_t size; /* of the whole record */
};

/*
 * The record at the beginning of bytes, which is at offset in the file. n may
 * reach beyond it. JOURNAL_OK, _SHORT (n == 0 included) or _BAD. When SHORT,
 * out->size is the size it would have, or 0 if not even that is known.
 */
enum journal_err journal_record_decode(const void *bytes, size_t n,
    uint64_t generation, uint64_t offset, struct journal_record *out);

/*
 * A record is built in a buffer: begin, append the body, finish. 0 or -1 (out
 * of memory, or a body beyond JOURNAL_BODY_MAX).
 */
int journal_record_begin(struct buf *b);
int journal_record_finish(
    struct buf *b, uint64_t generation, uint64_t offset, uint64_t durable);

/*
 * bytes (at offset) begin with what is not a whole record. Whether it is
 * damage to something that was durable, rather than the tail of a write that
 * never finished: true when a valid record stands behind it that claims so.
 */
bool journal_is_damaged(
    const void *bytes, size_t n, uint64_t generation, uint64_t offset);

/* The store's records: one or more ops, which take effect together. */
enum journal_op_type {
	JOURNAL_PUT = 1,
	JOURNAL_DEL = 2,
	JOURNAL_SEAL = 3, /* a checkpoint may replace the base from now on */
};

/* The one base that a checkpoint, having read it back, may put there. */
struct journal_next {
	uint64_t inode;
	int64_t mtime_ns;
	uint64_t base_bytes;
	uint32_t base_crc;
};

struct journal_op {
	enum journal_op_type type;
	const uint8_t *key;
	size_t key_len;
	const uint8_t *value;
	size_t value_len;
	struct journal_next next; /* of a seal */
};

#define JOURNAL_PUT_SIZE(key_len, value_len) (7 + (key_len) + (value_len))
#define JOURNAL_DEL_SIZE(key_len) (3 + (key_len))
#define JOURNAL_SEAL_SIZE 29

/* 0 or -1 out of memory. Sizes must be within STORE_*_MAX. */
int journal_put(struct buf *b, const void *key, size_t key_len,
    const void *value, size_t value_len);
int journal_del(struct buf *b, const void *key, size_t key_len);
int journal_seal(struct buf *b, const struct journal_next *next);

/* Takes the next op off the body. JOURNAL_OK, _END or _BAD. */
enum journal_err
journal_op_next(const uint8_t **body, size_t *n, struct journal_op *out);

#endif
