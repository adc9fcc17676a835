/*
 * One table tells which fields an op has; they follow its type in one order,
 * so that reading and writing cannot disagree.
 */
#include "wsd/history_ops.h"

#include <string.h>

enum field {
	HAS_EPOCH = 1,
	HAS_SEQ = 2,
	HAS_BOOT = 4,
	HAS_SAID = 8,
	HAS_TIME = 16,
	HAS_USER = 32,
	HAS_REF = 64,
	HAS_PAYLOAD = 128,
};

static const uint8_t fields[] = {
    [HISTORY_BEGIN] = HAS_EPOCH | HAS_SEQ | HAS_BOOT,
    [HISTORY_EVENT] = HAS_SAID | HAS_TIME | HAS_PAYLOAD,
    [HISTORY_SILENT] = 0,
    [HISTORY_REF] = HAS_SEQ | HAS_USER | HAS_REF,
    [HISTORY_ONLINE] = HAS_TIME | HAS_USER,
    [HISTORY_OFFLINE] = HAS_USER,
    [HISTORY_SYNCED] = 0,
    [HISTORY_STOP] = 0,
};

static void
put(struct buf *out, uint64_t v, size_t bytes)
{
	uint8_t p[8];

	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
	buf_append(out, p, bytes);
}

static void
put_string(struct buf *out, const char *s, size_t n, size_t length_bytes)
{
	put(out, n, length_bytes);
	buf_append(out, s, n);
}

void
history_op_put(struct buf *out, const struct history_op *op)
{
	uint8_t has = fields[op->type];

	put(out, op->type, 1);
	if (has & HAS_EPOCH)
		put(out, op->epoch, 8);
	if (has & HAS_SEQ)
		put(out, op->seq, 8);
	if (has & HAS_BOOT)
		buf_append(out, op->boot, HISTORY_BOOT_BYTES);
	if (has & HAS_SAID)
		put(out, op->is_said, 1);
	if (has & HAS_TIME)
		put(out, (uint64_t)op->wall_ms, 8);
	if (has & HAS_USER)
		put_string(out, op->user, op->user_bytes, 2);
	if (has & HAS_REF)
		put_string(out, op->ref, op->ref_bytes, 2);
	if (has & HAS_PAYLOAD)
		put_string(out, op->payload, op->payload_bytes, 4);
}

struct reader {
	const uint8_t *p;
	size_t n;
	bool is_bad;
};

static const void *
take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->is_bad || n > r->n) {
		r->is_bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

static uint64_t
take_number(struct reader *r, size_t bytes)
{
	const uint8_t *p = take(r, bytes);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static const char *
take_string(struct reader *r, size_t length_bytes, uint64_t max, size_t *n)
{
	uint64_t length = take_number(r, length_bytes);

	if (length == 0 || length > max)
		r->is_bad = true;
	const char *s = take(r, (size_t)length);
	*n = s == NULL ? 0 : (size_t)length;
	return s;
}

enum history_op_err
history_op_next(const uint8_t **body, size_t *n, struct history_op *out)
{
	struct reader r = {.p = *body, .n = *n};

	memset(out, 0, sizeof(*out));
	if (r.n == 0)
		return HISTORY_OP_END;
	uint64_t type = take_number(&r, 1);
	if (type == 0 || type >= sizeof(fields) / sizeof(fields[0]))
		return HISTORY_OP_BAD;
	uint8_t has = fields[type];
	out->type = (enum history_op_type)type;
	if (has & HAS_EPOCH)
		out->epoch = take_number(&r, 8);
	if (has & HAS_SEQ)
		out->seq = take_number(&r, 8);
	if (has & HAS_BOOT) {
		const void *boot = take(&r, HISTORY_BOOT_BYTES);
		if (boot != NULL)
			memcpy(out->boot, boot, HISTORY_BOOT_BYTES);
	}
	if (has & HAS_SAID) {
		uint64_t said = take_number(&r, 1);
		if (said > 1)
			r.is_bad = true;
		out->is_said = said == 1;
	}
	if (has & HAS_TIME)
		out->wall_ms = (int64_t)take_number(&r, 8);
	if (has & HAS_USER)
		out->user =
		    take_string(&r, 2, HISTORY_NAME_MAX, &out->user_bytes);
	if (has & HAS_REF)
		out->ref =
		    take_string(&r, 2, HISTORY_NAME_MAX, &out->ref_bytes);
	if (has & HAS_PAYLOAD)
		out->payload = take_string(
		    &r, 4, HISTORY_PAYLOAD_MAX, &out->payload_bytes);
	if (r.is_bad)
		return HISTORY_OP_BAD;
	*body = r.p;
	*n = r.n;
	return HISTORY_OP_OK;
}
