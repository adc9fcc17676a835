#include "fcgi-app/fcgi_record.h"

#include <string.h>

uint16_t
fcgi_record_get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* A name's or value's length: one byte, or four. */
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

bool
fcgi_record_pair(
    const uint8_t **b, const uint8_t *end, struct fcgi_record_pair *out)
{
	if (!get_length(b, end, &out->name_len) ||
	    !get_length(b, end, &out->value_len) ||
	    out->name_len + out->value_len > (size_t)(end - *b))
		return false;
	out->name = *b;
	out->value = *b + out->name_len;
	*b += out->name_len + out->value_len;
	return true;
}

void
fcgi_record_put(
    struct buf *out, uint8_t type, uint16_t id, const void *bytes, size_t n)
{
	const uint8_t header[FCGI_RECORD_HEADER_LEN] = {FCGI_RECORD_VERSION,
	    type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(n >> 8),
	    (uint8_t)n};

	buf_append(out, header, sizeof(header));
	buf_append(out, bytes, n);
}

void
fcgi_record_put_end(
    struct buf *out, uint16_t id, enum fcgi_record_status status)
{
	const uint8_t body[8] = {[4] = (uint8_t)status};

	fcgi_record_put(out, FCGI_RECORD_END_REQUEST, id, body, sizeof(body));
}

void
fcgi_record_put_unknown(struct buf *out, uint8_t type)
{
	const uint8_t body[8] = {type};

	fcgi_record_put(out, FCGI_RECORD_UNKNOWN_TYPE, 0, body, sizeof(body));
}

bool
fcgi_record_put_values(struct buf *out, const uint8_t *query, size_t n)
{
	static const char name[] = "FCGI_MPXS_CONNS";
	static const char answer[] = "\x0f\x01"
				     "FCGI_MPXS_CONNS"
				     "0";
	const uint8_t *end = query + n;
	struct fcgi_record_pair pair;
	bool is_asked = false;

	while (query < end) {
		if (!fcgi_record_pair(&query, end, &pair))
			return false;
		if (pair.name_len == strlen(name) &&
		    memcmp(pair.name, name, pair.name_len) == 0)
			is_asked = true;
	}
	fcgi_record_put(out, FCGI_RECORD_GET_VALUES_RESULT, 0, answer,
	    is_asked ? strlen(answer) : 0);
	return true;
}
