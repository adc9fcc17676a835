/*
 * Any bytes into a log line. The first two bytes choose the room; what comes
 * out is text without control bytes, and taking the escapes back gives the
 * beginning of what went in: all of it, or no more would have fitted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
digit_of(char ch)
{
	static const char hex[] = "0123456789abcdef";
	const char *at = ch == '\0' ? NULL : strchr(hex, ch);
	return at == NULL ? -1 : (int)(at - hex);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t room = data[0] | (size_t)(data[1] & 0x0f) << 8;
	const char *in = (const char *)data + 2;
	size_t n = size - 2;

	/* An exact allocation, so that ASan sees the first byte beyond it. */
	char *out = malloc(room);
	if (out == NULL && room > 0)
		return 0;
	size_t len = log_escape(in, n, out, room);
	if (room == 0) {
		if (len != 0)
			abort();
		free(out);
		return 0;
	}
	if (len >= room || out[len] != '\0' || strlen(out) != len)
		abort();
	size_t i = 0;
	for (size_t o = 0; o < len; i++) {
		unsigned char ch = (unsigned char)out[o];
		if (ch < 0x20 || ch == 0x7f || i >= n)
			abort();
		if (ch != '\\') {
			if (out[o++] != in[i])
				abort();
			continue;
		}
		if (len - o < 4 || out[o + 1] != 'x')
			abort();
		int high = digit_of(out[o + 2]), low = digit_of(out[o + 3]);
		if (high == -1 || low == -1 ||
		    (high << 4 | low) != (unsigned char)in[i])
			abort();
		o += 4;
	}
	if (i < n && room - 1 - len >= 4)
		abort();
	free(out);
	return 0;
}
