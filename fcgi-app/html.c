/*
 * Escaping. Whatever the bytes are, the output is valid UTF-8 and cannot
 * leave the context it is put into.
 */
#include "fcgi-app/html.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length of the character at s, or 0: it is none. */
static size_t
character_len(const unsigned char *s, size_t n)
{
	struct utf8 u = {0};

	for (size_t i = 0; i < n && utf8_feed(&u, s + i, 1) == 0; i++)
		if (utf8_is_whole(&u))
			return i + 1;
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
		size_t len = character_len(s + i, n - i);
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
		    c == '_' || c == '~' || c == '/') {
			buf_putc(out, (char)c);
		} else {
			buf_putc(out, '%');
			buf_putc(out, hex[c >> 4]);
			buf_putc(out, hex[c & 15]);
		}
	}
	return out->has_failed ? -1 : 0;
}
