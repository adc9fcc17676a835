/*
 * Encoding by hand, because each event is encoded once and then sent
 * thousands of times as it is; decoding by jansson, because what strangers
 * send deserves a parser that others have attacked already.
 */
#include "wsd/protocol.h"

#include "wsd/json_object.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void
put_json_string(struct buf *out, const char *s, size_t n)
{
	static const char *const named[] = {
	    ['\b'] = "\\b",
	    ['\t'] = "\\t",
	    ['\n'] = "\\n",
	    ['\f'] = "\\f",
	    ['\r'] = "\\r",
	    ['"'] = "\\\"",
	    ['\\'] = "\\\\",
	};
	size_t done = 0;

	buf_putc(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_append(out, s + done, i - done);
		done = i + 1;
		if (named[c] != NULL)
			buf_puts(out, named[c]);
		else
			buf_printf(out, "\\u%04x", c);
	}
	buf_append(out, s + done, n - done);
	buf_putc(out, '"');
}

static void
put_number(struct buf *out, const char *key, uint64_t n)
{
	char digits[24];
	size_t i = sizeof(digits);

	buf_puts(out, key);
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_append(out, digits + i, sizeof(digits) - i);
}

static void
put_string(struct buf *out, const char *key, const char *s, size_t n)
{
	buf_puts(out, key);
	put_json_string(out, s, n);
}

static void
put_ref(struct buf *out, const char *ref, size_t n)
{
	if (ref == NULL)
		buf_puts(out, ",\"ref\":null");
	else
		put_string(out, ",\"ref\":", ref, n);
}

void
protocol_event(struct buf *out, const struct protocol_event *e)
{
	static const char *const begins[] = {
	    [PROTOCOL_MESSAGE] = "{\"type\":\"message\",\"seq\":",
	    [PROTOCOL_JOIN] = "{\"type\":\"join\",\"seq\":",
	    [PROTOCOL_LEAVE] = "{\"type\":\"leave\",\"seq\":",
	    [PROTOCOL_NOTICE] = "{\"type\":\"notice\",\"seq\":",
	};

	put_number(out, begins[e->type], e->seq);
	if (e->type != PROTOCOL_NOTICE)
		put_string(out, ",\"user\":", e->user, e->user_bytes);
	buf_puts(out, ",\"time\":\"");
	buf_puts(out, e->time);
	buf_putc(out, '"');
	if (e->type == PROTOCOL_MESSAGE || e->type == PROTOCOL_NOTICE)
		put_string(out, ",\"text\":", e->text, e->text_bytes);
	buf_putc(out, '}');
}

void
protocol_hello(struct buf *out, const struct protocol_hello *h)
{
	put_string(
	    out, "{\"type\":\"hello\",\"user\":", h->user, h->user_bytes);
	buf_printf(out, ",\"epoch\":\"%" PRIx64 "\"", h->epoch);
	put_number(out, ",\"seq\":", h->seq);
	buf_puts(out, ",\"resumed\":");
	buf_puts(out, h->is_resumed ? "true" : "false");
	put_number(out, ",\"ping_s\":", (uint64_t)h->ping_s);
	put_number(out, ",\"message_bytes\":", (uint64_t)h->message_bytes);
	buf_puts(out, ",\"online\":[");
	buf_append(out, buf_str(h->online), h->online->len);
	buf_puts(out, "]}");
}

void
protocol_online(
    struct buf *out, const char *user, size_t user_bytes, const char *since)
{
	if (out->len > 0)
		buf_putc(out, ',');
	put_string(out, "{\"user\":", user, user_bytes);
	buf_puts(out, ",\"since\":\"");
	buf_puts(out, since);
	buf_puts(out, "\"}");
}

void
protocol_gap(struct buf *out, uint64_t from, uint64_t to)
{
	put_number(out, "{\"type\":\"gap\",\"from\":", from);
	put_number(out, ",\"to\":", to);
	buf_putc(out, '}');
}

void
protocol_ack(struct buf *out, const char *ref, size_t ref_bytes, uint64_t seq)
{
	buf_puts(out, "{\"type\":\"ack\"");
	put_ref(out, ref, ref_bytes);
	put_number(out, ",\"seq\":", seq);
	buf_putc(out, '}');
}

void
protocol_error(struct buf *out, enum protocol_err err, const char *ref,
    size_t ref_bytes, int64_t retry_after_ms)
{
	static const struct {
		const char *code, *detail;
	} words[] = {
	    [PROTOCOL_OK] = {"ok", ""},
	    [PROTOCOL_BAD_JSON] = {"bad_json", "not a JSON object"},
	    [PROTOCOL_BAD_TYPE] = {"bad_type",
		"type must be \\\"send\\\" or \\\"history\\\""},
	    [PROTOCOL_BAD_FIELD] = {"bad_field",
		"a field is missing, of the wrong type, or has a control "
		"character"},
	    [PROTOCOL_TOO_LONG] = {"too_long", "ref or text is too long"},
	    [PROTOCOL_EMPTY] = {"empty", "there is nothing in the text"},
	    [PROTOCOL_TOO_FAST] = {"too_fast", "too many messages"},
	    [PROTOCOL_UNAVAILABLE] = {"unavailable",
		"it cannot be kept at the moment"},
	};

	buf_puts(out, "{\"type\":\"error\"");
	put_ref(out, ref, ref_bytes);
	buf_puts(out, ",\"code\":\"");
	buf_puts(out, words[err].code);
	buf_puts(out, "\",\"detail\":\"");
	buf_puts(out, words[err].detail);
	buf_putc(out, '"');
	if (err == PROTOCOL_TOO_FAST || err == PROTOCOL_UNAVAILABLE)
		put_number(
		    out, ",\"retry_after_ms\":", (uint64_t)retry_after_ms);
	buf_putc(out, '}');
}

bool
protocol_is_blank(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))
			continue;
		if (n - i >= 2 && memcmp(text + i, "\xc2\xa0", 2) == 0)
			i += 1;
		else if (n - i >= 3 && memcmp(text + i, "\xe3\x80\x80", 3) == 0)
			i += 2;
		else
			return false;
	}
	return true;
}

bool
protocol_has_control(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n' &&
		    text[i] != '\t')
			return true;
	return false;
}

static enum protocol_err
decode_ref(const json_t *root, struct protocol_request *out)
{
	const json_t *ref = json_object_get(root, "ref");

	if (ref == NULL)
		return PROTOCOL_OK;
	if (!json_is_string(ref) || json_string_length(ref) == 0)
		return PROTOCOL_BAD_FIELD;
	if (json_string_length(ref) > PROTOCOL_REF_MAX)
		return PROTOCOL_TOO_LONG;
	out->ref = json_string_value(ref);
	out->ref_bytes = json_string_length(ref);
	return PROTOCOL_OK;
}

static enum protocol_err
decode_send(const json_t *root, size_t text_max, struct protocol_request *out)
{
	const json_t *text = json_object_get(root, "text");

	out->type = PROTOCOL_SEND;
	if (!json_is_string(text))
		return PROTOCOL_BAD_FIELD;
	out->text = json_string_value(text);
	out->text_bytes = json_string_length(text);
	if (out->text_bytes > text_max)
		return PROTOCOL_TOO_LONG;
	if (protocol_is_blank(out->text, out->text_bytes))
		return PROTOCOL_EMPTY;
	if (protocol_has_control(out->text, out->text_bytes))
		return PROTOCOL_BAD_FIELD;
	return PROTOCOL_OK;
}

static enum protocol_err
decode_history(const json_t *root, struct protocol_request *out)
{
	const json_t *before = json_object_get(root, "before");
	const json_t *limit = json_object_get(root, "limit");

	out->type = PROTOCOL_HISTORY;
	out->before = UINT64_MAX;
	out->limit = PROTOCOL_HISTORY_DEFAULT;
	if (before != NULL) {
		if (!json_is_integer(before) || json_integer_value(before) < 0)
			return PROTOCOL_BAD_FIELD;
		out->before = (uint64_t)json_integer_value(before);
	}
	if (limit != NULL) {
		if (!json_is_integer(limit) || json_integer_value(limit) < 1)
			return PROTOCOL_BAD_FIELD;
		json_int_t n = json_integer_value(limit);
		out->limit =
		    n > PROTOCOL_HISTORY_MAX ? PROTOCOL_HISTORY_MAX : (size_t)n;
	}
	return PROTOCOL_OK;
}

enum protocol_err
protocol_decode(
    const void *bytes, size_t n, size_t text_max, struct protocol_request *out)
{
	memset(out, 0, sizeof(*out));
	json_t *root = json_object_decode(bytes, n);
	out->json = root;
	if (root == NULL)
		return errno == ENOMEM ? PROTOCOL_NOMEM : PROTOCOL_BAD_JSON;
	enum protocol_err err = decode_ref(root, out);
	const char *type = json_string_value(json_object_get(root, "type"));
	if (type == NULL)
		return PROTOCOL_BAD_TYPE;
	bool is_send = strcmp(type, "send") == 0;
	if (!is_send && strcmp(type, "history") != 0)
		return PROTOCOL_BAD_TYPE;
	if (err != PROTOCOL_OK)
		return err;
	return is_send ? decode_send(root, text_max, out)
		       : decode_history(root, out);
}

void
protocol_request_fini(struct protocol_request *r)
{
	json_decref(r->json);
	r->json = NULL;
}
