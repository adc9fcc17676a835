/*
 * The walk. A worker has one request at a time; what the protocol asks or
 * tries beside it is answered into replies, so often and no oftener.
 */
#include "fcgi-app/intake.h"

#include "auth/crypto.h"
#include "fcgi-app/fcgi_record.h"

#include <string.h>

enum {
	RECORD_MAX = 65528, /* content a record carries; a multiple of 8 */
	HEADERS_MAX = 64, /* of all records of a request, and its begin */
	REPLIES_MAX = 16,
};

void
intake_init(struct intake *in, size_t body_max)
{
	memset(in, 0, sizeof(*in));
	buf_init(&in->params);
	buf_init(&in->body);
	buf_init(&in->replies);
	in->body_max = body_max;
}

void
intake_fini(struct intake *in)
{
	buf_fini(&in->params);
	crypto_buf_fini(&in->body);
	buf_fini(&in->replies);
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
		struct fcgi_record_pair pair;

		if (!fcgi_record_pair(&b, end, &pair) ||
		    memchr(pair.name, '\0', pair.name_len + pair.value_len) !=
			NULL) {
			in->is_params_bad = true;
			break;
		}
		if (++count > INTAKE_PARAMS_MAX) {
			in->is_params_over = true;
			break;
		}
	}
	if (in->is_params_bad || in->is_params_over)
		buf_reset(&in->params);
}

static uint16_t
id_of(const struct intake *in)
{
	return fcgi_record_get16(in->header + 2);
}

static size_t
length_of(const struct intake *in)
{
	return fcgi_record_get16(in->header + 4);
}

static bool
is_ours(const struct intake *in)
{
	return in->has_begin && id_of(in) == in->id;
}

/* A management record (§4), which belongs to no request. */
static bool
is_query(const struct intake *in)
{
	return id_of(in) == 0 && in->header[1] == FCGI_RECORD_GET_VALUES;
}

/* A header is complete. */
static enum intake_status
begin_record(struct intake *in)
{
	uint8_t type = in->header[1];
	size_t n = length_of(in);

	if (in->header[0] != FCGI_RECORD_VERSION)
		return INTAKE_BAD;
	in->content_left = n;
	in->padding_left = in->header[6];
	if (type == FCGI_RECORD_BEGIN_REQUEST && !in->has_begin)
		return n == sizeof(in->begin) && id_of(in) != 0 ? INTAKE_MORE
								: INTAKE_BAD;
	if (is_query(in)) {
		in->query_len = 0;
		return n <= sizeof(in->query) ? INTAKE_MORE : INTAKE_BAD;
	}
	if (!is_ours(in))
		return INTAKE_MORE;
	if (type == FCGI_RECORD_BEGIN_REQUEST)
		return INTAKE_BAD;
	if (type == FCGI_RECORD_PARAMS && in->has_params)
		return INTAKE_BAD;
	if (type == FCGI_RECORD_STDIN && !in->has_params)
		return INTAKE_BAD;
	if (type == FCGI_RECORD_PARAMS &&
	    in->params.len + n > INTAKE_PARAMS_BYTES_MAX) {
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

	if (type == FCGI_RECORD_BEGIN_REQUEST && !in->has_begin) {
		memcpy(in->begin + in->begin_len, b, n);
		in->begin_len += n;
	} else if (is_query(in)) {
		memcpy(in->query + in->query_len, b, n);
		in->query_len += n;
	} else if (!is_ours(in)) {
		return INTAKE_MORE;
	} else if (type == FCGI_RECORD_PARAMS) {
		if (buf_append(&in->params, b, n) == -1)
			return INTAKE_BAD;
	} else if (type == FCGI_RECORD_STDIN) {
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

/* Something was put into replies; then is what there is to do. */
static enum intake_status
replied(struct intake *in, enum intake_status then)
{
	if (in->replies.has_failed || ++in->n_replies > REPLIES_MAX)
		return INTAKE_BAD;
	return then;
}

/* A record that is not of our request, or there is none yet. */
static enum intake_status
end_other_record(struct intake *in)
{
	uint8_t type = in->header[1];

	if (is_query(in)) {
		if (!fcgi_record_put_values(
			&in->replies, in->query, in->query_len))
			return INTAKE_BAD;
	} else if (id_of(in) == 0) {
		fcgi_record_put_unknown(&in->replies, type);
	} else if (type == FCGI_RECORD_BEGIN_REQUEST) {
		fcgi_record_put_end(
		    &in->replies, id_of(in), FCGI_RECORD_CANT_MPX_CONN);
	} else {
		/* Of a request that is not active: ignored (§3.3). */
		return INTAKE_MORE;
	}
	return replied(in, INTAKE_MORE);
}

static enum intake_status
end_begin(struct intake *in)
{
	in->id = id_of(in);
	in->role = fcgi_record_get16(in->begin);
	in->has_begin = true;
	if (in->role == INTAKE_RESPONDER || in->role == INTAKE_AUTHORIZER)
		return INTAKE_MORE;
	fcgi_record_put_end(&in->replies, in->id, FCGI_RECORD_UNKNOWN_ROLE);
	return replied(in, INTAKE_REFUSED);
}

/* Header, content and padding of a record have come. */
static enum intake_status
end_record(struct intake *in)
{
	uint8_t type = in->header[1];
	bool is_end = length_of(in) == 0;

	in->header_len = 0;
	if (type == FCGI_RECORD_BEGIN_REQUEST && !in->has_begin)
		return end_begin(in);
	if (!is_ours(in))
		return end_other_record(in);
	if (type == FCGI_RECORD_ABORT_REQUEST) {
		fcgi_record_put_end(&in->replies, in->id, FCGI_RECORD_COMPLETE);
		return replied(in, INTAKE_REFUSED);
	}
	if (!is_end)
		return INTAKE_MORE;
	if (type == FCGI_RECORD_STDIN) {
		in->has_end = true;
		return INTAKE_DONE;
	}
	if (type == FCGI_RECORD_PARAMS) {
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

		if (in->header_len < FCGI_RECORD_HEADER_LEN) {
			take = FCGI_RECORD_HEADER_LEN - in->header_len;
			take = take < n ? take : n;
			memcpy(in->header + in->header_len, b, take);
			in->header_len += take;
			if (in->header_len == FCGI_RECORD_HEADER_LEN)
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
		if (status == INTAKE_MORE &&
		    in->header_len == FCGI_RECORD_HEADER_LEN &&
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
put_stream(const struct intake *in, uint8_t type, const struct buf *bytes,
    struct buf *out)
{
	for (size_t at = 0; at < bytes->len;) {
		size_t n = bytes->len - at;
		if (n > RECORD_MAX)
			n = RECORD_MAX;
		fcgi_record_put(out, type, in->id, bytes->data + at, n);
		at += n;
	}
	fcgi_record_put(out, type, in->id, "", 0);
}

int
intake_put_records(const struct intake *in, struct buf *out)
{
	/* At once, so that no copy of a password is left by growing. */
	buf_reserve(out, in->params.len + in->body.len + HEADERS_MAX);
	fcgi_record_put(out, FCGI_RECORD_BEGIN_REQUEST, in->id, in->begin,
	    sizeof(in->begin));
	put_stream(in, FCGI_RECORD_PARAMS, &in->params, out);
	put_stream(in, FCGI_RECORD_STDIN, &in->body, out);
	return out->has_failed ? -1 : 0;
}
