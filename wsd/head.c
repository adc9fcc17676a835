/*
 * A request head is small and arrives whole nearly always, so it is parsed
 * in one go once its empty line is there, instead of byte by byte with the
 * state kept in between: bytes that trickle in are looked through again for
 * that line, HEAD_BYTES_MAX at most.
 *
 * Strict: one space in the request line, CRLF at every end, token names, no
 * folded lines, no control bytes. What real browsers and proxies send is well
 * inside; what is outside is how requests are smuggled past a proxy.
 */
#include "wsd/head.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* RFC 9110 §5.6.2 */
static bool
is_token_char(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_name(const char *name, size_t n, const char *want)
{
	return n == strlen(want) && strncasecmp(name, want, n) == 0;
}

/* The headers that matter; all others are read over. */
static const struct {
	const char *name;
	size_t offset;
} kept[] = {
#define KEEP(name, field)                                       \
	{                                                       \
		name, offsetof(struct handshake_request, field) \
	}
    KEEP("host", host),
    KEEP("upgrade", upgrade),
    KEEP("connection", connection),
    KEEP("sec-websocket-version", version),
    KEEP("sec-websocket-key", key),
    KEEP("origin", origin),
    KEEP("sec-websocket-protocol", protocols),
    KEEP("forwarded", forwarded),
    KEEP("x-forwarded-for", forwarded_for),
    KEEP("x-forwarded-proto", forwarded_proto),
#undef KEEP
};

static void
keep_header(struct handshake_request *r, const char *name, size_t name_len,
    const char *value, size_t n)
{
	if (is_name(name, name_len, "cookie")) {
		if (r->cookie_count < COOKIE_HEADERS_MAX)
			r->cookies[r->cookie_count] =
			    (struct cookie_header){value, n};
		r->cookie_count++;
		return;
	}
	if (is_name(name, name_len, "transfer-encoding") ||
	    (is_name(name, name_len, "content-length") &&
		!(n == 1 && value[0] == '0'))) {
		r->has_body = true;
		return;
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!is_name(name, name_len, kept[i].name))
			continue;
		struct handshake_lines *lines =
		    (struct handshake_lines *)((char *)r + kept[i].offset);
		if (lines->n < HANDSHAKE_LINES_MAX)
			lines->line[lines->n] =
			    (struct handshake_bytes){value, n};
		lines->n++;
		return;
	}
}

/* One header line without its CRLF. */
static int
parse_header(const char *line, size_t n, struct handshake_request *r)
{
	size_t name_len = 0;
	while (name_len < n && is_token_char((unsigned char)line[name_len]))
		name_len++;
	if (name_len == 0 || name_len == n || line[name_len] != ':')
		return -1;
	const char *value = line + name_len + 1;
	const char *end = line + n;
	while (value < end && is_blank(*value))
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	for (const char *p = value; p < end; p++) {
		unsigned char c = (unsigned char)*p;
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return -1;
	}
	keep_header(r, line, name_len, value, (size_t)(end - value));
	return 0;
}

/* METHOD SP /path[?query] SP HTTP/1.x, without its CRLF. */
static int
parse_request_line(const char *line, size_t n, struct handshake_request *r)
{
	size_t method_len = 0;
	while (method_len < n && is_token_char((unsigned char)line[method_len]))
		method_len++;
	if (method_len == 0 || method_len == n || line[method_len] != ' ')
		return -1;
	r->is_get = method_len == 3 && memcmp(line, "GET", 3) == 0;

	const char *target = line + method_len + 1;
	const char *end = line + n;
	const char *p = target;
	while (p<end && * p> 0x20 && *p < 0x7f && *p != '#')
		p++;
	const char *version = p + 1;
	if (p == target || p == end || *p != ' ' || end - version != 8 ||
	    memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
	    version[5] < '0' || version[5] > '9' || version[7] < '0' ||
	    version[7] > '9')
		return -1;
	r->is_http11 = memcmp(version + 5, "1.1", 3) == 0;

	/* A target of another form (RFC 9112 §3.2) is no path of ours, but
	 * the method that goes with it (CONNECT, OPTIONS) is what to name. */
	if (*target != '/' && r->is_get)
		return -1;
	const char *mark = memchr(target, '?', (size_t)(p - target));
	r->path.bytes = target;
	r->path.n = (size_t)((mark != NULL ? mark : p) - target);
	r->has_query = mark != NULL;
	if (mark != NULL) {
		r->query.bytes = mark + 1;
		r->query.n = (size_t)(p - mark - 1);
	}
	return 0;
}

enum head_err
head_parse(const char *bytes, size_t n, struct handshake_request *out)
{
	const char *peer = out->peer;
	memset(out, 0, sizeof(*out));
	out->peer = peer;

	/* TLS, or anything else that does not begin like a method. */
	if (n > 0 && !is_token_char((unsigned char)bytes[0]))
		return HEAD_MALFORMED;

	size_t limit = n < HEAD_BYTES_MAX ? n : HEAD_BYTES_MAX;
	const char *end = memmem(bytes, limit, "\r\n\r\n", 4);
	if (end == NULL)
		return n >= HEAD_BYTES_MAX ? HEAD_LONG : HEAD_MORE;
	out->has_body = (size_t)(end + 4 - bytes) < n;
	end += 2; /* every line now ends in CRLF, the last one too */

	size_t lines = 0;
	for (const char *line = bytes; line < end; lines++) {
		const char *eol = memmem(line, (size_t)(end - line), "\r\n", 2);
		size_t len = (size_t)(eol - line);
		if (lines > HEAD_HEADERS_MAX)
			return HEAD_LONG;
		if (lines == 0 ? parse_request_line(line, len, out) == -1
			       : parse_header(line, len, out) == -1)
			return HEAD_MALFORMED;
		line = eol + 2;
	}
	return HEAD_OK;
}
