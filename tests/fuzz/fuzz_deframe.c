/*
 * A client's bytes, once whole and once cut at places that the input itself
 * chooses (its first bytes are the lengths of the pieces): both must say the
 * same.
 */
#include "../unit/deframe_seen.h"

#include <stdlib.h>
#include <string.h>

#define CUTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct deframe_seen whole = {0}, cut = {0};

	if (size < CUTS)
		return 0;
	const uint8_t *pieces = data;
	data += CUTS;
	size -= CUTS;
	/* Exact pieces, so that ASan sees a byte read beyond one. */
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	deframe_seen_feed(&whole, copy, size);
	free(copy);
	for (size_t at = 0, i = 0; at < size; i++) {
		size_t n = (size_t)pieces[i % CUTS] + 1;
		if (n > size - at)
			n = size - at;
		copy = malloc(n);
		memcpy(copy, data + at, n);
		deframe_seen_feed(&cut, copy, n);
		free(copy);
		at += n;
	}
	check(!whole.is_wrong && !cut.is_wrong);
	check(whole.is_over == cut.is_over);
	check(whole.text.len == cut.text.len);
	check(whole.text.len == 0 ||
	    memcmp(whole.text.data, cut.text.data, whole.text.len) == 0);
	/* Text that came out is UTF-8, whole messages and unfinished ones. */
	struct utf8 utf8 = {0};
	if (whole.deframe.message == 1)
		check(utf8_feed(&utf8, (const uint8_t *)whole.message.data,
			  whole.message.len) == 0);
	deframe_seen_fini(&whole);
	deframe_seen_fini(&cut);
	return 0;
}
