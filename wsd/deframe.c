/*
 * Strict, since a client that breaks one rule may mean something else by all
 * the rest: every MUST of §5 fails the connection, with the byte that breaks
 * it as far as that can be known.
 *
 * Payload is handed on where it lies. What must be kept between two reads is
 * a header and, rarely, the payload of a control frame, which gets memory
 * only when it comes in pieces.
 */
#include "wsd/deframe.h"

#include "wsd/frame.h"

#include <stdlib.h>
#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASK 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127
#define HEADER_MIN 2

static enum deframe_event
fail(struct deframe_piece *out, uint16_t code, const char *reason)
{
	out->code = code;
	out->reason = reason;
	return DEFRAME_FAILED;
}

static bool
is_control(const struct deframe *d)
{
	return (d->header[0] & 0x8) != 0;
}

static size_t
length_bytes(const struct deframe *d)
{
	switch (d->header[1] & LENGTH) {
	case LENGTH_16:
		return 2;
	case LENGTH_64:
		return 8;
	default:
		return 0;
	}
}

/* As far as is known yet. */
static size_t
header_bytes(const struct deframe *d)
{
	return d->header_bytes < HEADER_MIN
	    ? HEADER_MIN
	    : HEADER_MIN + length_bytes(d) + sizeof(d->mask);
}

/* The first two bytes; NULL: they may stand. */
static const char *
judge_start(const struct deframe *d)
{
	uint8_t first = d->header[0], second = d->header[1];

	if ((first & RESERVED) != 0)
		return "reserved bit set";
	switch (first & OPCODE) {
	case FRAME_CONTINUATION:
		if (d->message == 0)
			return "nothing to continue";
		break;
	case FRAME_TEXT:
	case FRAME_BINARY:
		if (d->message != 0)
			return "message inside a message";
		break;
	case FRAME_CLOSE:
	case FRAME_PING:
	case FRAME_PONG:
		if ((first & FIN) == 0)
			return "control frame in fragments";
		if ((second & LENGTH) > DEFRAME_CONTROL_MAX)
			return "control frame too long";
		break;
	default:
		return "reserved opcode";
	}
	return (second & MASK) == 0 ? "frame not masked" : NULL;
}

/* A whole header; NULL: its length may stand, and is in d->left. */
static const char *
judge_length(struct deframe *d)
{
	size_t bytes = length_bytes(d);
	uint64_t n = bytes == 0 ? d->header[1] & LENGTH : 0;

	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | d->header[HEADER_MIN + i];
	d->left = n;
	if (n > INT64_MAX)
		return "length too long";
	if ((bytes == 2 && n < LENGTH_16) || (bytes == 8 && n <= UINT16_MAX))
		return "length not in its shortest form";
	return NULL;
}

static enum deframe_event
take_header(
    struct deframe *d, uint8_t **bytes, size_t *n, struct deframe_piece *out)
{
	const char *wrong;
	size_t want;

	while (d->header_bytes < (want = header_bytes(d))) {
		if (*n == 0)
			return DEFRAME_MORE;
		d->header[d->header_bytes++] = *(*bytes)++;
		(*n)--;
		if (d->header_bytes != HEADER_MIN)
			continue;
		wrong = judge_start(d);
		if (wrong != NULL)
			return fail(out, DEFRAME_PROTOCOL_ERROR, wrong);
	}
	wrong = judge_length(d);
	if (wrong != NULL)
		return fail(out, DEFRAME_PROTOCOL_ERROR, wrong);
	memcpy(d->mask, d->header + want - sizeof(d->mask), sizeof(d->mask));
	d->is_in_payload = true;
	if (!is_control(d) && d->message == 0) {
		d->message = d->header[0] & OPCODE;
		d->is_first = true;
		d->utf8 = (struct utf8){0};
	}
	return DEFRAME_DATA;
}

/* Eight bytes at a time: the key twice over is as good as the key. */
static void
unmask(struct deframe *d, uint8_t *bytes, size_t n)
{
	uint8_t key[8];
	uint64_t wide, eight;
	size_t i = 0;

	memcpy(key, d->mask, 4);
	memcpy(key + 4, d->mask, 4);
	memcpy(&wide, key, sizeof(wide));
	for (; n - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, bytes + i, sizeof(eight));
		eight ^= wide;
		memcpy(bytes + i, &eight, sizeof(eight));
	}
	for (; i < n; i++)
		bytes[i] ^= key[i % 4];
	memcpy(d->mask, key + n % 4, sizeof(d->mask));
}

static void
end_frame(struct deframe *d)
{
	d->is_in_payload = false;
	d->header_bytes = 0;
}

static enum deframe_event
take_data(struct deframe *d, const uint8_t *bytes, size_t n,
    struct deframe_piece *out)
{
	bool is_end = d->left == 0;

	*out = (struct deframe_piece){
	    .bytes = bytes,
	    .n = n,
	    .remaining = d->left,
	    .is_first = d->is_first,
	    .is_final = is_end && (d->header[0] & FIN) != 0,
	    .is_binary = d->message == FRAME_BINARY,
	};
	if (!out->is_binary &&
	    (utf8_feed(&d->utf8, bytes, n) == -1 ||
		(out->is_final && !utf8_is_whole(&d->utf8))))
		return fail(out, DEFRAME_NOT_UTF8, "not UTF-8");
	d->is_first = false;
	if (out->is_final)
		d->message = 0;
	if (is_end)
		end_frame(d);
	return DEFRAME_DATA;
}

/* Codes that may stand in a close frame: §7.4, and IANA's since. */
static bool
is_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
		   code != 1006) ||
	    (code >= 3000 && code <= 4999);
}

static enum deframe_event
take_close(struct deframe_piece *out)
{
	const uint8_t *bytes = out->bytes;
	struct utf8 utf8 = {0};

	if (out->n == 0) {
		out->code = DEFRAME_NO_CODE;
		return DEFRAME_CLOSE;
	}
	unsigned code = out->n == 1 ? 0 : (unsigned)bytes[0] << 8 | bytes[1];
	if (!is_close_code(code))
		return fail(out, DEFRAME_PROTOCOL_ERROR, "no such close code");
	if (utf8_feed(&utf8, bytes + 2, out->n - 2) == -1 ||
	    !utf8_is_whole(&utf8))
		return fail(out, DEFRAME_NOT_UTF8, "not UTF-8");
	out->code = (uint16_t)code;
	return DEFRAME_CLOSE;
}

static enum deframe_event
take_control(struct deframe *d, const uint8_t *bytes, size_t n,
    struct deframe_piece *out)
{
	if (d->left > 0 || d->control_bytes > 0) {
		if (d->control == NULL)
			d->control = malloc(DEFRAME_CONTROL_MAX);
		if (d->control == NULL)
			return fail(out, DEFRAME_NO_MEMORY, "no memory");
		memcpy(d->control + d->control_bytes, bytes, n);
		d->control_bytes += (uint8_t)n;
		if (d->left > 0)
			return DEFRAME_MORE;
		bytes = d->control;
		n = d->control_bytes;
	}
	*out = (struct deframe_piece){.bytes = bytes, .n = n};
	end_frame(d);
	switch (d->header[0] & OPCODE) {
	case FRAME_PING:
		return DEFRAME_PING;
	case FRAME_PONG:
		return DEFRAME_PONG;
	default:
		return take_close(out);
	}
}

enum deframe_event
deframe_next(
    struct deframe *d, uint8_t **bytes, size_t *n, struct deframe_piece *out)
{
	uint8_t *here;

	if (!d->is_in_payload) {
		/* The last event's payload, if it came in pieces. */
		if (d->control_bytes > 0)
			deframe_fini(d);
		enum deframe_event event = take_header(d, bytes, n, out);
		if (event != DEFRAME_DATA)
			return event;
	} else if (*n == 0) {
		return DEFRAME_MORE;
	}
	here = *bytes;
	size_t taken = *n < d->left ? *n : (size_t)d->left;
	unmask(d, here, taken);
	d->left -= taken;
	*bytes += taken;
	*n -= taken;
	return is_control(d) ? take_control(d, here, taken, out)
			     : take_data(d, here, taken, out);
}

void
deframe_fini(struct deframe *d)
{
	free(d->control);
	d->control = NULL;
	d->control_bytes = 0;
}
