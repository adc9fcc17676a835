/*
 * A decimal number as files, headers and variables of the environment spell
 * it: digits alone. strtol takes blanks, signs and more.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the n bytes are one or more digits and nothing else, with a value
 * of at most max (>= 0); *out is set only then. Leading zeros are taken.
 */
bool number_parse(const char *bytes, size_t n, int64_t max, int64_t *out);

/* The same, in its one spelling: without leading zeros. */
bool number_parse_plain(const char *bytes, size_t n, int64_t max, int64_t *out);

#endif
