/*
 * Two headers, split at the first newline. What is found lies inside a
 * header, holds no separator, and the name stands before it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
	const char *value;
	size_t first = newline != NULL ? (size_t)(newline - text) : size;
	size_t count = newline != NULL ? 2 : 1, n;
	const struct cookie_header headers[2] = {
	    {text, first},
	    {text + first + 1, newline != NULL ? size - first - 1 : 0},
	};

	if (cookie_find(headers, count, COOKIE_SESSION_HTTP, &value, &n) !=
	    COOKIE_OK)
		return 0;
	size_t name_len = strlen(COOKIE_SESSION_HTTP);
	if (value < text + name_len + 1 || value + n > text + size ||
	    value[-1] != '=' ||
	    memcmp(value - name_len - 1, COOKIE_SESSION_HTTP, name_len) != 0)
		abort();
	if (n > 0 &&
	    (memchr(value, ';', n) != NULL || memchr(value, '\n', n) != NULL))
		abort();
	return 0;
}
