/*
 * The checks go from what the request is (path, method, version) over who
 * sent the page (Origin) to who the user says to be (the cookie), so that a
 * stranger learns no more than the first thing that is wrong.
 *
 * A request without Origin is refused: browsers always send one with a
 * WebSocket, and a session cookie belongs to a browser.
 */
#include "wsd/handshake.h"

#include "auth/forwarded.h"
#include "auth/origin.h"

#include <string.h>
#include <strings.h>

#define FORWARDED_MAX 1024

static bool
is_equal(const struct handshake_bytes *b, const char *text)
{
	return b->n == strlen(text) && memcmp(b->bytes, text, b->n) == 0;
}

static bool
is_equal_nocase(const struct handshake_bytes *b, const char *text)
{
	return b->n == strlen(text) && strncasecmp(b->bytes, text, b->n) == 0;
}

/*
 * The next element of a comma-separated list (RFC 9110 §5.6.1), blanks
 * around it dropped. false at the end. *rest is what follows.
 */
static bool
next_element(struct handshake_bytes *rest, struct handshake_bytes *element)
{
	const char *p = rest->bytes;
	const char *end = p + rest->n;
	while (p < end && (*p == ',' || *p == ' ' || *p == '\t'))
		p++;
	if (p == end)
		return false;
	const char *comma = memchr(p, ',', (size_t)(end - p));
	const char *stop = comma != NULL ? comma : end;
	rest->bytes = stop;
	rest->n = (size_t)(end - stop);
	while (stop[-1] == ' ' || stop[-1] == '\t')
		stop--;
	element->bytes = p;
	element->n = (size_t)(stop - p);
	return true;
}

static bool
has_element(const struct handshake_lines *lines, const char *token)
{
	for (size_t i = 0; i < lines->n; i++) {
		struct handshake_bytes rest = lines->line[i], element;
		while (next_element(&rest, &element))
			if (is_equal_nocase(&element, token))
				return true;
	}
	return false;
}

/* uri-host [ ":" port ] (RFC 9110 §7.2), without percent-encoding. */
static bool
is_host(const struct handshake_bytes *h)
{
	const char *p = h->bytes;
	const char *end = p + h->n;
	if (h->n == 0 || h->n > 255 + 6)
		return false;
	if (*p == '[') {
		const char *close = memchr(p, ']', h->n);
		if (close == NULL || close - p < 3)
			return false;
		for (p++; p < close; p++)
			if (!strchr("0123456789abcdefABCDEF:.", *p))
				return false;
		p++;
	} else {
		const char *start = p;
		while (p < end && *p != ':') {
			char c = *p++;
			if (!((c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || c == '-' ||
				c == '.' || c == '_'))
				return false;
		}
		if (p == start)
			return false;
	}
	if (p == end)
		return true;
	if (*p++ != ':' || end - p < 1 || end - p > 5)
		return false;
	long port = 0;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		port = port * 10 + (*p - '0');
	}
	return port >= 1 && port <= 65535;
}

/* base64 (RFC 4648 §4) of 16 bytes: 22 characters and "==". */
static bool
is_key(const struct handshake_bytes *k)
{
	if (k->n != 24 || memcmp(k->bytes + 22, "==", 2) != 0)
		return false;
	for (size_t i = 0; i < 22; i++) {
		char c = k->bytes[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return true;
}

/* EPOCHHEX-SEQ: 1-16 lower-case hex digits, 1-20 decimal digits. */
static int
parse_cursor(const char *p, size_t n, uint64_t *epoch, uint64_t *seq)
{
	const char *dash = memchr(p, '-', n);
	if (dash == NULL)
		return -1;
	size_t hex_len = (size_t)(dash - p);
	size_t seq_len = n - hex_len - 1;
	if (hex_len < 1 || hex_len > 16 || seq_len < 1 || seq_len > 20)
		return -1;
	*epoch = 0;
	for (; p < dash; p++) {
		unsigned digit;
		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			digit = (unsigned)(*p - 'a') + 10;
		else
			return -1;
		*epoch = *epoch << 4 | digit;
	}
	*seq = 0;
	for (p = dash + 1; seq_len > 0; p++, seq_len--) {
		if (*p < '0' || *p > '9')
			return -1;
		uint64_t digit = (uint64_t)(*p - '0');
		if (*seq > (UINT64_MAX - digit) / 10)
			return -1;
		*seq = *seq * 10 + digit;
	}
	return 0;
}

static int
check_request(
    const struct handshake_request *r, const struct config *c, const char **why)
{
	size_t n = strlen(c->site.prefix);
	bool is_below =
	    r->path.n >= n && memcmp(r->path.bytes, c->site.prefix, n) == 0;
	struct handshake_bytes path = r->path;

	if (is_below) {
		path.bytes += n;
		path.n -= n;
	}
	/* CONNECT host:port and OPTIONS * name no path. */
	bool is_path = r->path.n > 0 && r->path.bytes[0] == '/';
	if (is_path && !(is_below && is_equal(&path, HANDSHAKE_PATH))) {
		*why =
		    "there is nothing here but the WebSocket, " HANDSHAKE_PATH
		    " below site.prefix";
		return 404;
	}
	if (!r->is_get) {
		*why = "only GET is possible here";
		return 405;
	}
	if (!r->is_http11) {
		*why = "HTTP/1.1 is needed; a proxy in between must speak it "
		       "and pass Upgrade and Connection on";
		return 400;
	}
	if (r->has_body) {
		*why = "the request must not have a body";
		return 400;
	}
	if (r->host.n != 1 || !is_host(&r->host.line[0])) {
		*why = "exactly one Host is needed, host or host:port";
		return 400;
	}
	return 0;
}

static int
check_upgrade(const struct handshake_request *r, struct handshake_accept *out,
    const char **why)
{
	if (r->upgrade.n != 1 ||
	    !is_equal_nocase(&r->upgrade.line[0], "websocket")) {
		*why = "this is a WebSocket: Upgrade: websocket is needed";
		return 426;
	}
	if (r->connection.n > HANDSHAKE_LINES_MAX ||
	    !has_element(&r->connection, "upgrade")) {
		*why = "Connection must contain upgrade";
		return 400;
	}
	if (r->version.n != 1 || !is_equal(&r->version.line[0], "13")) {
		*why = "Sec-WebSocket-Version 13 is needed";
		return 426;
	}
	if (r->key.n != 1 || !is_key(&r->key.line[0])) {
		*why = "exactly one Sec-WebSocket-Key of 16 bytes in base64 "
		       "is needed";
		return 400;
	}
	out->key = r->key.line[0];
	return 0;
}

/* Several lines of a header are one list (RFC 9110 §5.3). -1: too long. */
static int
join_lines(const struct handshake_lines *lines,
    char joined[static FORWARDED_MAX], size_t *n)
{
	*n = 0;
	if (lines->n > HANDSHAKE_LINES_MAX)
		return -1;
	for (size_t i = 0; i < lines->n; i++) {
		const struct handshake_bytes *line = &lines->line[i];
		if (*n + 1 + line->n > FORWARDED_MAX)
			return -1;
		if (*n > 0)
			joined[(*n)++] = ',';
		memcpy(joined + *n, line->bytes, line->n);
		*n += line->n;
	}
	return 0;
}

static int
check_x_forwarded(const struct handshake_request *r, const struct config *c,
    struct handshake_accept *out, bool *is_https, const char **why)
{
	char joined[FORWARDED_MAX];
	size_t n;

	if (join_lines(&r->forwarded_for, joined, &n) == -1) {
		*why = "X-Forwarded-For is too long";
		return 400;
	}
	address_of_client(
	    &c->site.trusted_proxies, r->peer, joined, n, out->address);

	if (join_lines(&r->forwarded_proto, joined, &n) == -1) {
		*why = "X-Forwarded-Proto is too long";
		return 400;
	}
	*is_https = origin_is_forwarded_https(joined, n);
	return 0;
}

/* Whether a proxy that may say so has said how the browser came to it. */
static int
check_forwarded(const struct handshake_request *r, const struct config *c,
    struct handshake_accept *out, bool *is_https, const char **why)
{
	char joined[FORWARDED_MAX];
	struct forwarded client;
	size_t n;

	*is_https = false;
	address_of_client(
	    &c->site.trusted_proxies, r->peer, "", 0, out->address);
	if (!address_is_trusted_proxy(&c->site.trusted_proxies, r->peer))
		return 0;
	if (c->site.forwarded_header == CONFIG_FORWARDED_X)
		return check_x_forwarded(r, c, out, is_https, why);
	if (join_lines(&r->forwarded, joined, &n) == -1) {
		*why = "Forwarded is too long";
		return 400;
	}
	forwarded_client(&c->site.trusted_proxies, r->peer, joined, n, &client);
	memcpy(out->address, client.address, sizeof(out->address));
	*is_https = client.scheme == FORWARDED_HTTPS;
	return 0;
}

static int
check_origin(const struct handshake_request *r, const struct config *c,
    bool *is_https, const char **why)
{
	if (r->origin.n == 0) {
		*why = "an Origin is needed";
		return 403;
	}
	if (r->origin.n > 1) {
		*why = "exactly one Origin is needed";
		return 400;
	}
	const struct handshake_bytes *o = &r->origin.line[0];
	/* Nobody but a page loaded over https has such an Origin, whatever
	 * the last hop in front of us was. */
	if (o->n > 8 && strncasecmp(o->bytes, "https://", 8) == 0)
		*is_https = true;
	if (!origin_is_allowed(&c->site.origins, o->bytes, o->n, *is_https,
		r->host.line[0].bytes, r->host.line[0].n)) {
		*why = "this Origin is not allowed (site.origins)";
		return 403;
	}
	return 0;
}

static int
check_protocol(const struct handshake_request *r, const struct config *c,
    struct handshake_accept *out, const char **why)
{
	out->protocol = HUB_PLAIN;
	if (r->protocols.n > HANDSHAKE_LINES_MAX) {
		*why = "too many Sec-WebSocket-Protocol";
		return 400;
	}
	/* Case matters in subprotocol names (RFC 6455 §11.3.4). */
	for (size_t i = 0; i < r->protocols.n; i++) {
		struct handshake_bytes rest = r->protocols.line[i], element;
		while (next_element(&rest, &element))
			if (is_equal(&element, HANDSHAKE_SUBPROTOCOL))
				out->protocol = HUB_GATECAST;
	}
	if (r->protocols.n > 0 && out->protocol != HUB_GATECAST) {
		*why = "the subprotocols here are " HANDSHAKE_SUBPROTOCOL
		       " and none";
		return 400;
	}
	if (out->protocol == HUB_PLAIN &&
	    c->wsd.plain_lines == CONFIG_PLAIN_OFF) {
		*why = "plain lines are off here (wsd.plain_lines): the "
		       "subprotocol " HANDSHAKE_SUBPROTOCOL " is needed";
		return 400;
	}

	static const char since[] = "since=";
	if (!r->has_query || r->query.n == 0)
		return 0;
	if (r->query.n < sizeof(since) ||
	    memcmp(r->query.bytes, since, sizeof(since) - 1) != 0 ||
	    parse_cursor(r->query.bytes + sizeof(since) - 1,
		r->query.n - (sizeof(since) - 1), &out->cursor_epoch,
		&out->cursor_seq) == -1) {
		*why = "the query can be since=EPOCH-SEQ only";
		return 400;
	}
	/* Plain lines carry no seq, so nobody could ask for one. */
	if (out->protocol == HUB_PLAIN) {
		*why = "since needs the subprotocol " HANDSHAKE_SUBPROTOCOL;
		return 400;
	}
	out->has_cursor = true;
	return 0;
}

static int
check_cookie(const struct handshake_request *r, const struct config *c,
    bool is_https, struct handshake_accept *out, const char **why)
{
	const char *name = cookie_session_name(is_https, c->login.plain_http);
	if (name == NULL) {
		*why = "sessions are valid over https only "
		       "(login.plain_http)";
		return 401;
	}
	if (r->cookie_count > COOKIE_HEADERS_MAX) {
		*why = "too many Cookie headers";
		return 400;
	}
	switch (cookie_find(r->cookies, r->cookie_count, name,
	    &out->token.bytes, &out->token.n)) {
	case COOKIE_OK:
		return 0;
	case COOKIE_NONE:
		*why = "no session cookie";
		return 401;
	case COOKIE_DOUBLE:
		*why = "two session cookies";
		return 400;
	case COOKIE_MALFORMED:
		break;
	}
	*why = "the Cookie header is malformed";
	return 400;
}

int
handshake_check(const struct handshake_request *r, const struct config *c,
    struct handshake_accept *out, const char **why)
{
	int status;
	bool is_https;

	memset(out, 0, sizeof(*out));
	if ((status = check_forwarded(r, c, out, &is_https, why)) != 0 ||
	    (status = check_request(r, c, why)) != 0 ||
	    (status = check_upgrade(r, out, why)) != 0 ||
	    (status = check_origin(r, c, &is_https, why)) != 0 ||
	    (status = check_protocol(r, c, out, why)) != 0)
		return status;
	return check_cookie(r, c, is_https, out, why);
}
