/*
 * One escape of a URL, "%XX" (RFC 3986 §2.1), for what decodes escapes and
 * for what judges them. Pure.
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include <stddef.h>

#define PERCENT_LEN 3

/* The byte that the escape at s stands for; -1: there is none in n bytes. */
int percent_byte(const char *s, size_t n);

#endif
