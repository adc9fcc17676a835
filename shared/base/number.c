/*
 * A decimal number, digits alone.
 */
#include "base/number.h"

bool
number_parse(const char *bytes, size_t n, int64_t max, int64_t *out)
{
	int64_t value = 0;

	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] < '0' || bytes[i] > '9')
			return false;
		int digit = bytes[i] - '0';
		/* In this order nothing can overflow. */
		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool
number_parse_plain(const char *bytes, size_t n, int64_t max, int64_t *out)
{
	return (n <= 1 || bytes[0] != '0') && number_parse(bytes, n, max, out);
}
