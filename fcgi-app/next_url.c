/*
 * The target of a redirect comes from a stranger. It is compared with a
 * grammar that is narrower than what browsers take, since browsers repair
 * what they get: they drop tabs and line breaks, read '\' as '/', and take
 * "//host" as another site.
 */
#include "fcgi-app/next_url.h"

#include "base/percent.h"

#include <stdio.h>
#include <string.h>

/* pchar of RFC 3986 without the escapes. */
static bool
is_pchar(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL;
}

/* An escape may carry text; not structure, not a control byte. */
static bool
is_harmless_escape(const char *s, size_t n)
{
	int c = percent_byte(s, n);

	return c >= 0x20 && c != 0x7f && c != '/' && c != '\\' && c != '.' &&
	    c != '%';
}

static bool
is_segment(const char *s, size_t n)
{
	return n > 0 && !(n == 1 && s[0] == '.') &&
	    !(n == 2 && s[0] == '.' && s[1] == '.');
}

bool
next_url_is_local(const char *bytes, size_t n)
{
	size_t segment = 1; /* where the current one begins */
	bool is_query = false;

	if (n == 0 || n > NEXT_URL_MAX || bytes[0] != '/')
		return false;
	for (size_t i = 1; i < n; i++) {
		char c = bytes[i];

		if (c == '%') {
			if (!is_harmless_escape(bytes + i, n - i))
				return false;
			i += PERCENT_LEN - 1;
		} else if (is_query) {
			if (!is_pchar(c) && c != '/' && c != '?')
				return false;
		} else if (c == '/' || c == '?') {
			/* The last segment may be empty ("/a/?x"), no other. */
			bool is_empty_last = c == '?' && i == segment;
			if (!is_empty_last &&
			    !is_segment(bytes + segment, i - segment))
				return false;
			segment = i + 1;
			is_query = c == '?';
		} else if (!is_pchar(c)) {
			return false;
		}
	}
	/* A trailing slash leaves an empty last segment, which is fine. */
	return is_query || segment == n ||
	    is_segment(bytes + segment, n - segment);
}

static bool
has_path(const char *bytes, size_t n, const char *path)
{
	size_t len = strlen(path);
	return n >= len && memcmp(bytes, path, len) == 0 &&
	    (n == len || bytes[len] == '?' || bytes[len] == '/');
}

void
next_url_choose(const char *prefix, const char *bytes, size_t n,
    char out[static NEXT_URL_MAX + 1])
{
	size_t len = strlen(prefix);
	/* Ours begin behind the prefix; nobody else's lead in a circle. */
	bool is_ours = n > len && memcmp(bytes, prefix, len) == 0;

	if (n == 0 || !next_url_is_local(bytes, n) ||
	    (is_ours &&
		(has_path(bytes + len, n - len, "/login") ||
		    has_path(bytes + len, n - len, "/logout") ||
		    has_path(bytes + len, n - len, "/auth")))) {
		snprintf(out, NEXT_URL_MAX + 1, "%s" NEXT_URL_DEFAULT, prefix);
		return;
	}
	memcpy(out, bytes, n);
	out[n] = '\0';
}
