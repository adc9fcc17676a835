/*
 * One pass that decodes and one that looks at the result. Nothing is
 * resolved or repaired but doubled slashes, which links really have: a
 * browser sends no dot segments, and no honest link escapes a slash.
 */
#include "base/gate_path.h"

#include "base/percent.h"

#include <string.h>

static bool
is_bad_byte(int c)
{
	return c < 0x20 || c == 0x7f || c == '\\' || c == '?' || c == '#' ||
	    c == ';';
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

/* Appends one byte; a slash behind a slash is left out and noted. */
static bool
put(struct gate_path *out, int c)
{
	if (out->n == GATE_PATH_MAX)
		return false;
	if (c == '/' && out->n > 0 && out->bytes[out->n - 1] == '/') {
		if (out->gap > out->n)
			out->gap = out->n - 1;
		return true;
	}
	out->bytes[out->n++] = (char)c;
	return true;
}

/* The first bytes of a character in more bytes than it needs (RFC 3629 §3). */
static bool
is_overlong(unsigned char a, unsigned char b)
{
	return (b & 0xc0) == 0x80 &&
	    (a == 0xc0 || a == 0xc1 || (a == 0xe0 && b < 0xa0) ||
		(a == 0xf0 && b < 0x90));
}

/* Of the decoded bytes, which end in a segment whether or not in a slash. */
static bool
is_clear(const struct gate_path *p)
{
	for (size_t i = 1; i <= p->n; i++) {
		char c = p->bytes[i - 1];
		bool is_last = i == p->n || p->bytes[i] == '/';

		if (is_last && (c == '.' || c == ' '))
			return false;
		if (i < p->n &&
		    is_overlong((unsigned char)c, (unsigned char)p->bytes[i]))
			return false;
		if (c == '%' && i + 1 < p->n && is_hex(p->bytes[i]) &&
		    is_hex(p->bytes[i + 1]))
			return false;
	}
	return true;
}

bool
gate_path_read(
    struct gate_path *out, const char *s, size_t n, enum gate_path_form form)
{
	out->n = 0;
	out->gap = GATE_PATH_MAX + 1;
	if (n == 0 || s[0] != '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (form == GATE_PATH_URL && c == '?')
			break;
		if (form == GATE_PATH_URL && c == '%') {
			c = percent_byte(s + i, n - i);
			/* As a byte of its own it would be another path. */
			if (c == '/')
				return false;
			i += PERCENT_LEN - 1;
		}
		if (is_bad_byte(c) || !put(out, c))
			return false;
	}
	if (out->gap > out->n)
		out->gap = out->n;
	return is_clear(out);
}
