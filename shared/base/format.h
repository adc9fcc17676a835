/*
 * What is said of a file whose format has another version than this program
 * writes. Nobody converts a file in passing: it stays as it is, so that an
 * upgrade that was a mistake can be taken back.
 */
#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include "base/buf.h"

#include <stdint.h>

/*
 * Appends to out both versions and what to do: for one that is later than
 * known to upgrade, for an earlier one what if_earlier says.
 */
void format_refuse(
    struct buf *out, uint64_t found, uint64_t known, const char *if_earlier);

#endif
