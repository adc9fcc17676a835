/*
 * The tutorial's lines, byte for byte.
 */
#include "wsd/lines.h"

static void
put_html(struct buf *out, const char *s, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		const char *reference;
		switch (s[i]) {
		case '&':
			reference = "&amp;";
			break;
		case '<':
			reference = "&lt;";
			break;
		case '>':
			reference = "&gt;";
			break;
		case '"':
			reference = "&quot;";
			break;
		case '\'':
			reference = "&#39;";
			break;
		default:
			continue;
		}
		buf_append(out, s + done, i - done);
		buf_puts(out, reference);
		done = i + 1;
	}
	buf_append(out, s + done, n - done);
}

static void
put(struct buf *out, const char *s, size_t n, bool is_html)
{
	if (is_html)
		put_html(out, s, n);
	else
		buf_append(out, s, n);
}

void
lines_event(struct buf *out, const struct protocol_event *e, const char *local,
    bool is_html)
{
	if (e->type == PROTOCOL_NOTICE) {
		put(out, e->text, e->text_bytes, is_html);
		return;
	}
	put(out, e->user, e->user_bytes, is_html);
	if (e->type == PROTOCOL_JOIN) {
		buf_puts(out, "上线");
	} else if (e->type == PROTOCOL_LEAVE) {
		buf_puts(out, "下线~");
	} else {
		buf_putc(out, '-');
		buf_puts(out, local);
		buf_puts(out, "-说:");
		put(out, e->text, e->text_bytes, is_html);
	}
}

void
lines_clean(struct buf *out, const char *text, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		if (!protocol_has_control(text + i, 1))
			continue;
		buf_append(out, text + done, i - done);
		done = i + 1;
	}
	buf_append(out, text + done, n - done);
}
