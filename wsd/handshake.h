/*
 * The decision whether an HTTP request becomes a WebSocket (RFC 6455 §4.2.1
 * and DESIGN.md §4): bytes in, verdict out. Knows no library and no socket.
 */
#ifndef WSD_HANDSHAKE_H
#define WSD_HANDSHAKE_H

#include "auth/cookie.h"
#include "base/config.h"
#include "wsd/hub.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handshake_bytes {
	const char *bytes; /* NULL: the header is absent */
	size_t n;
};

#define HANDSHAKE_COOKIES_MAX 8

struct handshake_request {
	bool is_get;
	bool is_http11;
	struct handshake_bytes path; /* without the query */
	struct handshake_bytes query; /* without '?' */
	struct handshake_bytes host;
	size_t host_count;
	struct handshake_bytes upgrade;
	struct handshake_bytes connection;
	struct handshake_bytes version;
	struct handshake_bytes key;
	size_t key_count;
	struct handshake_bytes origin;
	size_t origin_count;
	struct handshake_bytes protocols;
	struct handshake_bytes forwarded_for;
	struct handshake_bytes forwarded_proto;
	struct cookie_header cookies[HANDSHAKE_COOKIES_MAX];
	size_t cookie_count; /* may exceed the array: then refused */
	const char *peer; /* numeric address, or "unix" */
};

struct handshake_accept {
	enum hub_protocol protocol;
	struct handshake_bytes token; /* the cookie's value, not yet verified */
	char address[46]; /* the client's, behind proxies */
	bool has_cursor;
	uint64_t cursor_epoch;
	uint64_t cursor_seq;
};

/*
 * 0: as far as the request goes it may join, *out is set, pointing into the
 * request. Else the HTTP status of the refusal, with a one-line body (static
 * storage) in *why.
 */
int handshake_check(const struct handshake_request *r, const struct config *c,
    struct handshake_accept *out, const char **why);

#endif
