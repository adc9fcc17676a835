/*
 * CRC-32C: the processor's instruction where there is one (some 8 GB/s, so a
 * whole base is checked at every open), eight tables elsewhere (1 GB/s).
 */
#include "store/crc.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

typedef uint32_t crc_update(uint32_t state, const uint8_t *p, size_t n);

static uint32_t tables[8][256];
static crc_update *update;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t
update_portable(uint32_t state, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		uint32_t low = state ^
		    ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
			(uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		state = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		    tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
		    tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
		    tables[0][p[7]];
	}
	for (; n > 0; p++, n--)
		state = tables[0][(state ^ *p) & 0xff] ^ state >> 8;
	return state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
update_sse42(uint32_t state, const uint8_t *p, size_t n)
{
	uint64_t wide = state;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;
		memcpy(&word, p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	state = (uint32_t)wide;
	for (; n > 0; p++, n--)
		state = __builtin_ia32_crc32qi(state, *p);
	return state;
}
#endif

static void
prepare(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t state = i;
		for (int bit = 0; bit < 8; bit++)
			state = state >> 1 ^ ((state & 1) ? POLYNOMIAL : 0);
		tables[0][i] = state;
	}
	for (size_t t = 1; t < 8; t++)
		for (size_t i = 0; i < 256; i++)
			tables[t][i] = tables[0][tables[t - 1][i] & 0xff] ^
			    tables[t - 1][i] >> 8;
	update = update_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		update = update_sse42;
#endif
}

uint32_t
crc32c(uint32_t crc, const void *bytes, size_t n)
{
	pthread_once(&once, prepare);
	return ~update(~crc, bytes, n);
}

uint32_t
crc32c_portable(uint32_t crc, const void *bytes, size_t n)
{
	pthread_once(&once, prepare);
	return ~update_portable(~crc, bytes, n);
}
