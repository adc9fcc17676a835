/*
 * UTF-8 (RFC 3629) that comes in pieces, judged byte by byte: what can no
 * longer become UTF-8 is known with the first byte that says so.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: at the beginning. */
struct utf8 {
	uint8_t left; /* bytes of the character still to come */
	uint8_t low, high; /* between which the next of them lies */
};

/* The next n bytes. 0, or -1: this is not UTF-8 and will not be. */
int utf8_feed(struct utf8 *u, const uint8_t *bytes, size_t n);

/* Whether what came so far ends with a whole character. */
static inline bool
utf8_is_whole(const struct utf8 *u)
{
	return u->left == 0;
}

#endif
