/*
 * Answers. connect-src names the WebSocket's origin beside 'self' because
 * Safari before 15.4 and other browsers of that age do not count ws: as
 * 'self'; hence the strict look at Host, which a stranger writes.
 */
#include "fcgi-app/response.h"

#include <string.h>

#define HOST_MAX 255

void
response_init(struct response *r)
{
	r->status = 200;
	r->type = RESPONSE_HTML;
	buf_init(&r->headers);
	buf_init(&r->body);
	r->is_pass = false;
	r->is_spoiled = false;
}

void
response_fini(struct response *r)
{
	buf_fini(&r->headers);
	buf_fini(&r->body);
}

void
response_reset(struct response *r)
{
	r->status = 200;
	r->type = RESPONSE_HTML;
	buf_reset(&r->headers);
	buf_reset(&r->body);
	r->is_pass = false;
	r->is_spoiled = false;
}

static bool
is_token(const char *s)
{
	/* A subset of RFC 9110 §5.6.2, all that is used here. */
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			(*s >= '0' && *s <= '9') || *s == '-' || *s == '_'))
			return false;
	return true;
}

static bool
is_value(const char *value, bool has_utf8)
{
	const unsigned char *s = (const unsigned char *)value;

	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s == 0x7f || (*s > 0x7f && !has_utf8))
			return false;
	return true;
}

static int
put_header(
    struct response *r, const char *name, const char *value, bool has_utf8)
{
	if (!is_token(name) || !is_value(value, has_utf8) ||
	    buf_printf(&r->headers, "%s: %s\r\n", name, value) == -1) {
		r->is_spoiled = true;
		return -1;
	}
	return 0;
}

int
response_header(struct response *r, const char *name, const char *value)
{
	return put_header(r, name, value, false);
}

int
response_header_utf8(struct response *r, const char *name, const char *value)
{
	return put_header(r, name, value, true);
}

int
response_redirect(struct response *r, const char *location)
{
	r->status = 303;
	buf_reset(&r->body);
	return response_header(r, "Location", location);
}

void
response_json(struct response *r, int status, const char *text)
{
	r->status = status;
	r->type = RESPONSE_JSON;
	if (buf_puts(&r->body, text) == -1)
		r->is_spoiled = true;
}

static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
	    {200, "OK"},
	    {204, "No Content"},
	    {303, "See Other"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {413, "Content Too Large"},
	    {415, "Unsupported Media Type"},
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Other";
}

bool
response_is_host(const char *host)
{
	size_t n = strlen(host);
	size_t name = 0;

	if (n == 0 || n > HOST_MAX)
		return false;
	if (host[0] == '[') {
		/* An IPv6 literal (RFC 3986 §3.2.2). */
		name = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (name < 3 || host[name] != ']')
			return false;
		name++;
	} else {
		name = strspn(host,
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789.-_");
		if (name == 0)
			return false;
	}
	if (name == n)
		return true;
	size_t port = strspn(host + name + 1, "0123456789");
	return host[name] == ':' && port > 0 && port <= 5 &&
	    name + 1 + port == n;
}

static void
put_policy(const struct response_site *site, struct buf *out)
{
	buf_puts(out,
	    "Content-Security-Policy: default-src 'none'; script-src 'self'; "
	    "style-src 'self'; img-src 'self'; font-src 'self'; "
	    "worker-src 'self'; "
	    "connect-src 'self'");
	if (site->host != NULL && response_is_host(site->host)) {
		/* A page of https may not open ws: in any case. */
		if (!site->is_https)
			buf_printf(out, " ws://%s", site->host);
		buf_printf(out, " wss://%s", site->host);
	}
	buf_puts(out,
	    "; form-action 'self'; base-uri 'none'; "
	    "frame-ancestors 'none'\r\n");
}

static void
put_protection(const struct response_site *site, struct buf *out)
{
	put_policy(site, out);
	/*
	 * same-origin and not no-referrer: under the latter browsers send
	 * "Origin: null" with a form, which is nobody's.
	 */
	buf_puts(out,
	    "X-Content-Type-Options: nosniff\r\n"
	    "X-Frame-Options: DENY\r\n"
	    "Referrer-Policy: same-origin\r\n"
	    "Cross-Origin-Opener-Policy: same-origin\r\n"
	    "Cache-Control: no-store\r\n");
}

int
response_write(const struct response *r, const struct response_site *site,
    bool is_head, struct buf *out)
{
	static const char apology[] = "500 Internal Server Error\n";
	bool is_spoiled =
	    r->is_spoiled || r->headers.has_failed || r->body.has_failed;
	int status = is_spoiled ? 500 : r->status;
	size_t n = is_spoiled ? sizeof(apology) - 1 : r->body.len;

	buf_printf(out, "Status: %d %s\r\n", status, reason(status));
	if (r->is_pass && !is_spoiled) {
		buf_append(out, r->headers.data, r->headers.len);
		buf_puts(out, "\r\n");
		return out->has_failed ? -1 : 0;
	}
	/* An answer without a body has no type. */
	if (n > 0)
		buf_printf(out, "Content-Type: %s\r\n",
		    is_spoiled ? "text/plain; charset=utf-8" : r->type);
	if (status != 204) /* RFC 9110 §8.6 */
		buf_printf(out, "Content-Length: %zu\r\n", n);
	if (!is_spoiled)
		buf_append(out, r->headers.data, r->headers.len);
	put_protection(site, out);
	buf_puts(out, "\r\n");
	if (!is_head)
		buf_append(out, is_spoiled ? apology : r->body.data, n);
	return out->has_failed ? -1 : 0;
}
