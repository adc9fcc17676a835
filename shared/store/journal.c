/*
 * Framing of the journal. The checksum is seeded with generation and offset,
 * so that neither a record of another generation nor one at another place
 * can be taken for one that belongs here.
 */
#include "store/journal.h"

#include "store/crc.h"
#include "store/store.h"

#include <string.h>

#define MAGIC "GCJOURNL"

/* Offsets in the header. */
enum {
	H_MAGIC = 0,
	H_VERSION = 8,
	H_SIZE = 12,
	H_GENERATION = 16,
	H_BASE_BYTES = 24,
	H_BASE_CRC = 32,
	H_CARRIED = 40,
	H_CRC = 60,
};

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t
get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void
journal_header_encode(
    const struct journal_header *h, uint8_t out[static JOURNAL_HEADER_SIZE])
{
	memset(out, 0, JOURNAL_HEADER_SIZE);
	memcpy(out + H_MAGIC, MAGIC, 8);
	put32(out + H_VERSION, JOURNAL_VERSION_OURS);
	put32(out + H_SIZE, JOURNAL_HEADER_SIZE);
	put64(out + H_GENERATION, h->generation);
	put64(out + H_BASE_BYTES, h->base_bytes);
	put32(out + H_BASE_CRC, h->base_crc);
	put64(out + H_CARRIED, h->carried);
	put32(out + H_CRC, crc32c(0, out, H_CRC));
}

enum journal_err
journal_header_decode(const void *bytes, size_t n, struct journal_header *out)
{
	const uint8_t *p = bytes;
	if (n < JOURNAL_HEADER_SIZE)
		return JOURNAL_SHORT;
	if (memcmp(p + H_MAGIC, MAGIC, 8) != 0)
		return JOURNAL_MAGIC;
	if (crc32c(0, p, H_CRC) != get32(p + H_CRC))
		return JOURNAL_BAD;
	out->version = get32(p + H_VERSION);
	if (out->version != JOURNAL_VERSION_OURS)
		return JOURNAL_VERSION;
	if (get32(p + H_SIZE) != JOURNAL_HEADER_SIZE)
		return JOURNAL_BAD;
	out->generation = get64(p + H_GENERATION);
	out->base_bytes = get64(p + H_BASE_BYTES);
	out->base_crc = get32(p + H_BASE_CRC);
	out->carried = get64(p + H_CARRIED);
	return JOURNAL_OK;
}

/* Over everything but the checksum itself. */
static uint32_t
record_crc(const uint8_t *record, size_t body_len, uint64_t generation,
    uint64_t offset)
{
	uint8_t seed[20];
	put64(seed, generation);
	put64(seed + 8, offset);
	memcpy(seed + 16, record, 4);
	return crc32c(crc32c(0, seed, sizeof(seed)), record + 8, 8 + body_len);
}

enum journal_err
journal_record_decode(const void *bytes, size_t n, uint64_t generation,
    uint64_t offset, struct journal_record *out)
{
	const uint8_t *p = bytes;
	memset(out, 0, sizeof(*out));
	if (n < JOURNAL_FRAME_SIZE)
		return JOURNAL_SHORT;
	uint32_t body_len = get32(p);
	/* An empty body never is written: zeroes are no record. */
	if (body_len == 0 || body_len > JOURNAL_BODY_MAX)
		return JOURNAL_BAD;
	out->size = JOURNAL_FRAME_SIZE + (size_t)body_len;
	if (n < out->size)
		return JOURNAL_SHORT;
	if (record_crc(p, body_len, generation, offset) != get32(p + 4))
		return JOURNAL_BAD;
	out->durable = get64(p + 8);
	out->body = p + JOURNAL_FRAME_SIZE;
	out->body_len = body_len;
	return out->durable <= offset ? JOURNAL_OK : JOURNAL_BAD;
}

int
journal_record_begin(struct buf *b)
{
	static const uint8_t frame[JOURNAL_FRAME_SIZE];
	buf_reset(b);
	return buf_append(b, frame, sizeof(frame));
}

int
journal_record_finish(
    struct buf *b, uint64_t generation, uint64_t offset, uint64_t durable)
{
	if (b->has_failed || b->len <= JOURNAL_FRAME_SIZE ||
	    b->len - JOURNAL_FRAME_SIZE > JOURNAL_BODY_MAX)
		return -1;
	uint8_t *p = (uint8_t *)b->data;
	size_t body_len = b->len - JOURNAL_FRAME_SIZE;
	put32(p, (uint32_t)body_len);
	put64(p + 8, durable);
	put32(p + 4, record_crc(p, body_len, generation, offset));
	return 0;
}

bool
journal_is_damaged(
    const void *bytes, size_t n, uint64_t generation, uint64_t offset)
{
	/*
	 * Each place where a record that proves damage could begin is tried.
	 * Its durable lies in a range so narrow among 64 bits that what a
	 * large record has inside costs no checksum; bytes made to cost one
	 * everywhere run into the limit and count as damage.
	 */
	const uint8_t *p = bytes;
	uint64_t budget = UINT64_C(4) * n + JOURNAL_BODY_MAX;
	for (size_t at = 1; at < n && n - at > JOURNAL_FRAME_SIZE; at++) {
		uint32_t body_len = get32(p + at);
		uint64_t durable = get64(p + at + 8);
		if (body_len == 0 || body_len > n - at - JOURNAL_FRAME_SIZE ||
		    durable <= offset || durable > offset + at)
			continue;
		if (body_len > budget)
			return true;
		budget -= body_len;
		struct journal_record r;
		if (journal_record_decode(p + at, n - at, generation,
			offset + at, &r) == JOURNAL_OK)
			return true;
	}
	return false;
}

int
journal_put(struct buf *b, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	uint8_t head[7] = {JOURNAL_PUT};
	put16(head + 1, (uint16_t)key_len);
	put32(head + 3, (uint32_t)value_len);
	buf_append(b, head, sizeof(head));
	buf_append(b, key, key_len);
	if (value_len > 0)
		buf_append(b, value, value_len);
	return b->has_failed ? -1 : 0;
}

int
journal_del(struct buf *b, const void *key, size_t key_len)
{
	uint8_t head[3] = {JOURNAL_DEL};
	put16(head + 1, (uint16_t)key_len);
	buf_append(b, head, sizeof(head));
	return buf_append(b, key, key_len);
}

int
journal_seal(struct buf *b, const struct journal_next *next)
{
	uint8_t op[JOURNAL_SEAL_SIZE] = {JOURNAL_SEAL};
	put64(op + 1, next->inode);
	put64(op + 9, (uint64_t)next->mtime_ns);
	put64(op + 17, next->base_bytes);
	put32(op + 25, next->base_crc);
	return buf_append(b, op, sizeof(op));
}

enum journal_err
journal_op_next(const uint8_t **body, size_t *n, struct journal_op *out)
{
	const uint8_t *p = *body;
	size_t left = *n, head = 0;
	if (left == 0)
		return JOURNAL_END;
	memset(out, 0, sizeof(*out));
	switch (p[0]) {
	case JOURNAL_PUT:
		head = 7;
		if (left < head)
			return JOURNAL_BAD;
		out->value_len = get32(p + 3);
		break;
	case JOURNAL_DEL:
		head = 3;
		if (left < head)
			return JOURNAL_BAD;
		break;
	case JOURNAL_SEAL:
		if (left < JOURNAL_SEAL_SIZE)
			return JOURNAL_BAD;
		out->type = JOURNAL_SEAL;
		out->next.inode = get64(p + 1);
		out->next.mtime_ns = (int64_t)get64(p + 9);
		out->next.base_bytes = get64(p + 17);
		out->next.base_crc = get32(p + 25);
		*body += JOURNAL_SEAL_SIZE;
		*n -= JOURNAL_SEAL_SIZE;
		return JOURNAL_OK;
	default:
		return JOURNAL_BAD;
	}
	out->type = p[0];
	out->key_len = get16(p + 1);
	if (out->key_len == 0 || out->key_len > STORE_KEY_MAX ||
	    out->value_len > STORE_VALUE_MAX ||
	    left - head < out->key_len + out->value_len)
		return JOURNAL_BAD;
	out->key = p + head;
	if (out->key[0] == '!') /* the base's own */
		return JOURNAL_BAD;
	out->value = out->key + out->key_len;
	*body += head + out->key_len + out->value_len;
	*n -= head + out->key_len + out->value_len;
	return JOURNAL_OK;
}
