/*
 * The decision whether an HTTP request becomes a WebSocket (RFC 6455 §4.2.1
 * and DESIGN.md §4): bytes in, verdict out. Knows no library and no socket.
 */
#ifndef WSD_HANDSHAKE_H
#define WSD_HANDSHAKE_H

#include "auth/address.h"
#include "auth/cookie.h"
#include "base/config.h"
#include "wsd/hub.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDSHAKE_PATH "/websocket" /* below site.prefix */
#define HANDSHAKE_SUBPROTOCOL "gatecast.v1"

struct handshake_bytes {
	const char *bytes;
	size_t n;
};

/*
 * The values of one header, a line each, blanks around them dropped. n may
 * exceed the array: then the rest was not kept, and the header is refused.
 */
#define HANDSHAKE_LINES_MAX 4
struct handshake_lines {
	struct handshake_bytes line[HANDSHAKE_LINES_MAX];
	size_t n;
};

struct handshake_request {
	bool is_get;
	bool is_http11;
	bool has_query; /* there was a '?' */
	bool has_body; /* Content-Length, Transfer-Encoding, or bytes behind */
	struct handshake_bytes path; /* without the query */
	struct handshake_bytes query; /* without '?' */
	struct handshake_lines host;
	struct handshake_lines upgrade;
	struct handshake_lines connection;
	struct handshake_lines version;
	struct handshake_lines key;
	struct handshake_lines origin;
	struct handshake_lines protocols;
	struct handshake_lines forwarded;
	struct handshake_lines forwarded_for;
	struct handshake_lines forwarded_proto;
	struct cookie_header cookies[COOKIE_HEADERS_MAX];
	size_t cookie_count; /* may exceed the array: then refused */
	const char *peer; /* numeric address, or "unix" */
};

struct handshake_accept {
	enum hub_protocol protocol;
	struct handshake_bytes key; /* Sec-WebSocket-Key, checked */
	struct handshake_bytes token; /* the cookie's value, not yet verified */
	char address[ADDRESS_SIZE]; /* the client's, behind proxies */
	bool has_cursor;
	uint64_t cursor_epoch;
	uint64_t cursor_seq;
};

/*
 * 0: as far as the request goes it may join, *out is set, pointing into the
 * request. Else the HTTP status of the refusal, with a one-line body (static
 * storage) in *why; out->address is set then too.
 *
 * Which cookie counts: over https only the __Host- one. A page is https when
 * a trusted proxy says so (site.forwarded_header) or its Origin does.
 */
int handshake_check(const struct handshake_request *r, const struct config *c,
    struct handshake_accept *out, const char **why);

#endif
