/*
 * Two parsers that disagree about a Cookie header are how a session is
 * fixed or smuggled, so there is one, and it would rather refuse: the name
 * twice is nobody's session, whichever of the two a browser meant.
 */
#include "auth/cookie.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
has_control(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

enum cookie_err
cookie_find(const struct cookie_header *headers, size_t count, const char *name,
    const char **value, size_t *n)
{
	const size_t name_len = strlen(name);
	const char *found = NULL;
	size_t found_len = 0, total = 0;

	for (size_t h = 0; h < count; h++) {
		if (headers[h].n > COOKIE_BYTES_MAX - total)
			return COOKIE_MALFORMED;
		total += headers[h].n;
		if (has_control(headers[h].bytes, headers[h].n))
			return COOKIE_MALFORMED;
	}
	for (size_t h = 0; h < count; h++) {
		const char *p = headers[h].bytes;
		size_t left = headers[h].n;

		while (left > 0) {
			const char *semicolon = memchr(p, ';', left);
			size_t len =
			    semicolon != NULL ? (size_t)(semicolon - p) : left;
			const char *pair = p, *end = p + len;

			left -= semicolon != NULL ? len + 1 : len;
			p += semicolon != NULL ? len + 1 : len;
			while (pair < end && is_blank(*pair))
				pair++;
			while (pair < end && is_blank(end[-1]))
				end--;
			len = (size_t)(end - pair);
			if (len <= name_len || pair[name_len] != '=' ||
			    memcmp(pair, name, name_len) != 0)
				continue;
			if (found != NULL)
				return COOKIE_DOUBLE;
			found = pair + name_len + 1;
			found_len = len - name_len - 1;
		}
	}
	if (found == NULL)
		return COOKIE_NONE;
	*value = found;
	*n = found_len;
	return COOKIE_OK;
}

const char *
cookie_session_name(bool is_https, bool plain_http)
{
	if (is_https)
		return COOKIE_SESSION_HTTPS;
	return plain_http ? COOKIE_SESSION_HTTP : NULL;
}
