#include "base/percent.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
percent_byte(const char *s, size_t n)
{
	if (n < PERCENT_LEN || s[0] != '%')
		return -1;
	int hi = hex_digit(s[1]);
	int lo = hex_digit(s[2]);
	return hi == -1 || lo == -1 ? -1 : hi * 16 + lo;
}
