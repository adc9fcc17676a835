/*
 * CRC-32C (Castagnoli; RFC 3720 §12.1, reflected, polynomial 0x1EDC6F41).
 */
#ifndef STORE_CRC_H
#define STORE_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of n bytes going on from crc, the checksum of the bytes before
 * them (0 for none): crc32c(crc32c(0, a), b) is that of a and b in a row.
 */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

/* The same by tables alone; for the test that holds the two equal. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t n);

#endif
