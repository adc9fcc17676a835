/*
 * Escaping. Whatever the bytes are, the output is valid UTF-8 and cannot
 * leave the context it is put into.
 */
#include "fcgi-app/html.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length of the UTF-8 sequence at s (RFC 3629 §4), or 0. */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first, last; /* lead bytes */
		unsigned char low, high; /* second byte */
		unsigned char len;
	} forms[] = {
	    {0x00, 0x7F, 0, 0, 1},
	    {0xC2, 0xDF, 0x80, 0xBF, 2},
	    {0xE0, 0xE0, 0xA0, 0xBF, 3},
	    {0xE1, 0xEC, 0x80, 0xBF, 3},
	    {0xED, 0xED, 0x80, 0x9F, 3},
	    {0xEE, 0xEF, 0x80, 0xBF, 3},
	    {0xF0, 0xF0, 0x90, 0xBF, 4},
	    {0xF1, 0xF3, 0x80, 0xBF, 4},
	    {0xF4, 0xF4, 0x80, 0x8F, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		size_t len = forms[i].len;
		if (len > n)
			return 0;
		if (len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < len; k++)
			if (s[k] < 0x80 || s[k] > 0xBF)
				return 0;
		return len;
	}
	return 0;
}

static const char *
entity(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '`':
		return "&#96;";
	default:
		break;
	}
	if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F)
		return REPLACEMENT;
	return NULL;
}

int
html_put_text(struct buf *out, const char *bytes, size_t n)
{
	const unsigned char *s = (const unsigned char *)bytes;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(s + i, n - i);
		const char *e = len == 0 ? REPLACEMENT : entity(s[i]);

		if (e != NULL)
			buf_puts(out, e);
		else
			buf_append(out, s + i, len);
		i += len == 0 ? 1 : len;
	}
	return out->has_failed ? -1 : 0;
}

int
html_put_query(struct buf *out, const char *bytes, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		    c == '_' || c == '~') {
			buf_putc(out, (char)c);
		} else {
			buf_putc(out, '%');
			buf_putc(out, hex[c >> 4]);
			buf_putc(out, hex[c & 15]);
		}
	}
	return out->has_failed ? -1 : 0;
}
