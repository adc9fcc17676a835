/*
 * The table of RFC 3629 §4 in code: only the byte behind the first one has
 * bounds of its own, which keep out overlong forms, surrogates and what is
 * above U+10FFFF.
 */
#include "base/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Of the bytes from i on, the first that is not ASCII; n if all are. */
static size_t
skip_ascii(const uint8_t *bytes, size_t i, size_t n)
{
	uint64_t eight;

	for (; n - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, bytes + i, sizeof(eight));
		if ((eight & HIGH_BITS) != 0)
			break;
	}
	while (i < n && bytes[i] < 0x80)
		i++;
	return i;
}

/* The first byte of a character that is not ASCII. */
static int
begin(struct utf8 *u, uint8_t byte)
{
	if (byte < 0xc2 || byte > 0xf4)
		return -1;
	u->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	u->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	u->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	return 0;
}

int
utf8_feed(struct utf8 *u, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (u->left == 0) {
			i = skip_ascii(bytes, i, n);
			if (i < n && begin(u, bytes[i]) == -1)
				return -1;
			continue;
		}
		if (bytes[i] < u->low || bytes[i] > u->high)
			return -1;
		u->left--;
		u->low = 0x80;
		u->high = 0xbf;
	}
	return 0;
}
