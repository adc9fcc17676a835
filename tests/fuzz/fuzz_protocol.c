/*
 * What a client may send, decoded; and what was said, encoded again: it must
 * be JSON that says the same, and markup must not survive html lines.
 */
#include "wsd/lines.h"
#include "wsd/protocol.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_string(const json_t *root, const char *key, const char *s, size_t n)
{
	const json_t *v = json_object_get(root, key);

	if (!json_is_string(v) || json_string_length(v) != n ||
	    memcmp(json_string_value(v), s, n) != 0)
		abort();
}

static void
check_answers(const struct protocol_request *r, enum protocol_err err)
{
	struct buf b = BUF_INIT;

	if (err == PROTOCOL_OK)
		protocol_ack(&b, r->ref, r->ref_bytes, 1);
	else
		protocol_error(&b, err, r->ref, r->ref_bytes, 1);
	json_t *root = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
	if (root == NULL)
		abort();
	if (r->ref != NULL)
		check_string(root, "ref", r->ref, r->ref_bytes);
	json_decref(root);
	buf_fini(&b);
}

static void
check_event(const char *text, size_t n)
{
	struct buf b = BUF_INIT;
	const struct protocol_event e = {
	    .type = PROTOCOL_MESSAGE,
	    .seq = 1,
	    .user = text,
	    .user_bytes = n,
	    .time = "",
	    .text = text,
	    .text_bytes = n,
	};

	protocol_event(&b, &e);
	json_t *root = json_loadb(b.data, b.len, JSON_ALLOW_NUL, NULL);
	if (root == NULL)
		abort();
	check_string(root, "text", text, n);
	check_string(root, "user", text, n);
	json_decref(root);

	buf_reset(&b);
	lines_event(&b, &e, "", true);
	if (memchr(b.data, '<', b.len) != NULL ||
	    memchr(b.data, '"', b.len) != NULL)
		abort();
	buf_reset(&b);
	lines_event(&b, &e, "", false);
	if (b.len < 2 * n)
		abort();
	buf_fini(&b);
}

static void
check_clean(const char *text, size_t n)
{
	struct buf b = BUF_INIT;

	lines_clean(&b, text, n);
	if (protocol_has_control(buf_str(&b), b.len) || b.len > n)
		abort();
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct protocol_request r;

	check_clean((const char *)data, size);
	enum protocol_err err = protocol_decode(data, size, TEXT_MAX, &r);

	if (err == PROTOCOL_OK && r.type == PROTOCOL_SEND) {
		if (r.text_bytes == 0 || r.text_bytes > TEXT_MAX ||
		    protocol_is_blank(r.text, r.text_bytes))
			abort();
		check_event(r.text, r.text_bytes);
	} else if (err == PROTOCOL_OK) {
		if (r.limit < 1 || r.limit > PROTOCOL_HISTORY_MAX)
			abort();
	}
	if (r.ref != NULL &&
	    (r.ref_bytes < 1 || r.ref_bytes > PROTOCOL_REF_MAX))
		abort();
	check_answers(&r, err);
	protocol_request_fini(&r);
	return 0;
}
