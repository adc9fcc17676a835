/*
 * The walk. Records of other requests and management records are passed
 * over: a worker has one request at a time, and no web server in use asks
 * FCGI_GET_VALUES of a responder.
 */
#include "fcgi-app/intake.h"

#include <string.h>

enum {
	VERSION_1 = 1,
	BEGIN_REQUEST = 1,
	ABORT_REQUEST = 2,
	PARAMS = 4,
	STDIN = 5,
	HEADER_LEN = 8,
	RECORD_MAX = 65528, /* content a record carries; a multiple of 8 */
	HEADERS_MAX = 64, /* of all records of a request, and its begin */
};

void
intake_init(struct intake *in, size_t body_max)
{
	memset(in, 0, sizeof(*in));
	buf_init(&in->params);
	buf_init(&in->body);
	in->body_max = body_max;
}

void
intake_fini(struct intake *in)
{
	buf_fini(&in->params);
	buf_fini(&in->body);
}

static uint16_t
get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* A name's or value's length (§3.4): one byte, or four. */
static bool
get_length(const uint8_t **b, const uint8_t *end, size_t *len)
{
	const uint8_t *s = *b;

	if (s == end)
		return false;
	if ((s[0] & 0x80) == 0) {
		*len = s[0];
		*b = s + 1;
		return true;
	}
	if (end - s < 4)
		return false;
	*len = (size_t)(s[0] & 0x7f) << 24 | (size_t)s[1] << 16 |
	    (size_t)s[2] << 8 | s[3];
	*b = s + 4;
	return true;
}

/* All parameters are here: do they add up? */
static void
check_params(struct intake *in)
{
	size_t count = 0;

	in->has_params = true;
	if (in->params.len == 0)
		return;
	const uint8_t *b = (const uint8_t *)in->params.data;
	const uint8_t *end = b + in->params.len;
	/* A NUL would end the value early for whoever reads it as text. */
	while (b < end) {
		size_t name, value;

		if (!get_length(&b, end, &name) ||
		    !get_length(&b, end, &value) ||
		    name + value > (size_t)(end - b) ||
		    memchr(b, '\0', name + value) != NULL) {
			in->is_params_bad = true;
			break;
		}
		b += name + value;
		if (++count > INTAKE_PARAMS_MAX) {
			in->is_params_over = true;
			break;
		}
	}
	if (in->is_params_bad || in->is_params_over)
		buf_reset(&in->params);
}

static bool
is_ours(const struct intake *in)
{
	return in->has_begin && get16(in->header + 2) == in->id;
}

/* A header is complete. */
static enum intake_status
begin_record(struct intake *in)
{
	uint8_t type = in->header[1];
	size_t n = get16(in->header + 4);

	if (in->header[0] != VERSION_1)
		return INTAKE_BAD;
	in->content_left = n;
	in->padding_left = in->header[6];
	if (type == BEGIN_REQUEST && !in->has_begin)
		return n == sizeof(in->begin) && get16(in->header + 2) != 0
		    ? INTAKE_MORE
		    : INTAKE_BAD;
	if (!is_ours(in))
		return INTAKE_MORE;
	if (type == ABORT_REQUEST)
		return INTAKE_BAD;
	if (type == PARAMS && in->has_params)
		return INTAKE_BAD;
	if (type == STDIN && !in->has_params)
		return INTAKE_BAD;
	if (type == PARAMS && in->params.len + n > INTAKE_PARAMS_BYTES_MAX) {
		in->is_params_over = true;
		buf_reset(&in->params);
		return INTAKE_DONE;
	}
	return INTAKE_MORE;
}

static enum intake_status
take_content(struct intake *in, const uint8_t *b, size_t n)
{
	uint8_t type = in->header[1];

	if (type == BEGIN_REQUEST && !in->has_begin) {
		memcpy(in->begin + in->begin_len, b, n);
		in->begin_len += n;
	} else if (!is_ours(in)) {
		return INTAKE_MORE;
	} else if (type == PARAMS) {
		if (buf_append(&in->params, b, n) == -1)
			return INTAKE_BAD;
	} else if (type == STDIN) {
		size_t room = in->body_max - in->body.len;
		in->is_body_over = n > room;
		/* All of it at once: see intake_put_records. */
		if (buf_reserve(&in->body, room) == -1 ||
		    buf_append(&in->body, b, n > room ? room : n) == -1)
			return INTAKE_BAD;
		if (in->is_body_over)
			return INTAKE_DONE;
	}
	return INTAKE_MORE;
}

/* Header, content and padding of a record have come. */
static enum intake_status
end_record(struct intake *in)
{
	uint8_t type = in->header[1];
	bool is_end = get16(in->header + 4) == 0;

	in->header_len = 0;
	if (type == BEGIN_REQUEST && !in->has_begin) {
		in->id = get16(in->header + 2);
		in->role = get16(in->begin);
		in->has_begin = true;
		return INTAKE_MORE;
	}
	if (!is_ours(in) || !is_end)
		return INTAKE_MORE;
	if (type == STDIN) {
		in->has_end = true;
		return INTAKE_DONE;
	}
	if (type == PARAMS) {
		check_params(in);
		if (in->is_params_over || in->is_params_bad)
			return INTAKE_DONE;
	}
	return INTAKE_MORE;
}

enum intake_status
intake_feed(struct intake *in, const uint8_t *b, size_t n)
{
	for (;;) {
		enum intake_status status = INTAKE_MORE;
		size_t take;

		if (in->header_len < HEADER_LEN) {
			take = HEADER_LEN - in->header_len;
			take = take < n ? take : n;
			memcpy(in->header + in->header_len, b, take);
			in->header_len += take;
			if (in->header_len == HEADER_LEN)
				status = begin_record(in);
		} else if (in->content_left > 0) {
			take = in->content_left < n ? in->content_left : n;
			in->content_left -= take;
			status = take_content(in, b, take);
		} else {
			take = in->padding_left < n ? in->padding_left : n;
			in->padding_left -= take;
		}
		b += take;
		n -= take;
		if (status == INTAKE_MORE && in->header_len == HEADER_LEN &&
		    in->content_left == 0 && in->padding_left == 0)
			status = end_record(in);
		/* Other roles may have no body (§6.3): do not wait for it. */
		if (status == INTAKE_MORE && n == 0 && in->has_params &&
		    in->role != INTAKE_RESPONDER)
			return INTAKE_DONE;
		if (status != INTAKE_MORE || n == 0)
			return status;
	}
}

static void
put_record(const struct intake *in, uint8_t type, const void *bytes, size_t n,
    struct buf *out)
{
	const uint8_t header[HEADER_LEN] = {VERSION_1, type,
	    (uint8_t)(in->id >> 8), (uint8_t)in->id, (uint8_t)(n >> 8),
	    (uint8_t)n, 0, 0};

	buf_append(out, header, sizeof(header));
	buf_append(out, bytes, n);
}

static void
put_stream(const struct intake *in, uint8_t type, const struct buf *bytes,
    struct buf *out)
{
	for (size_t at = 0; at < bytes->len;) {
		size_t n = bytes->len - at;
		if (n > RECORD_MAX)
			n = RECORD_MAX;
		put_record(in, type, bytes->data + at, n, out);
		at += n;
	}
	put_record(in, type, "", 0, out);
}

int
intake_put_records(const struct intake *in, struct buf *out)
{
	/* At once, so that no copy of a password is left by growing. */
	buf_reserve(out, in->params.len + in->body.len + HEADERS_MAX);
	put_record(in, BEGIN_REQUEST, in->begin, sizeof(in->begin), out);
	put_stream(in, PARAMS, &in->params, out);
	put_stream(in, STDIN, &in->body, out);
	return out->has_failed ? -1 : 0;
}
