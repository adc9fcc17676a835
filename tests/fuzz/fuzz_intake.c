/*
 * FastCGI records: the limits hold, pieces of any size give what one piece
 * gives, and what libfcgi is shown reads back the same.
 */
#include "fcgi-app/intake.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum intake_status
feed(struct intake *in, const uint8_t *data, size_t size, size_t piece)
{
	enum intake_status status = INTAKE_MORE;

	intake_init(in, BODY_MAX);
	for (size_t at = 0; at < size && status == INTAKE_MORE;) {
		size_t n = size - at < piece ? size - at : piece;
		status = intake_feed(in, data + at, n);
		at += n;
	}
	if (in->body.len > BODY_MAX ||
	    in->params.len > INTAKE_PARAMS_BYTES_MAX || in->replies.len > 700)
		abort();
	return status;
}

static int
is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake whole, pieces, again;
	struct buf records = BUF_INIT;

	if (size == 0)
		return 0;
	enum intake_status status = feed(&whole, data, size, size);
	enum intake_status other = feed(&pieces, data, size, 1 + data[0] % 7);
	/* What an authorizer's parameters are followed by is not waited for. */
	bool is_early = whole.role == INTAKE_AUTHORIZER && other == INTAKE_DONE;
	if (!is_early &&
	    (other != status || !is_same(&whole.replies, &pieces.replies)))
		abort();
	if (status == INTAKE_DONE &&
	    (!is_same(&whole.params, &pieces.params) ||
		(!is_early && !is_same(&whole.body, &pieces.body)) ||
		(!is_early && whole.is_body_over != pieces.is_body_over) ||
		whole.is_params_bad != pieces.is_params_bad ||
		whole.is_params_over != pieces.is_params_over))
		abort();
	if (status == INTAKE_DONE) {
		if (intake_put_records(&whole, &records) == -1 ||
		    feed(&again, (const uint8_t *)records.data, records.len,
			records.len) != INTAKE_DONE ||
		    again.id != whole.id || again.role != whole.role ||
		    again.is_params_bad || again.is_params_over ||
		    !is_same(&whole.params, &again.params))
			abort();
		intake_fini(&again);
		buf_fini(&records);
	}
	intake_fini(&pieces);
	intake_fini(&whole);
	return 0;
}
