/*
 * The head of an HTTP/1.x request, read strictly (RFC 9112 §3 and §5), into
 * what handshake.h decides about.
 *
 * Why not libwebsockets' own parser: 4.1.6 decodes and folds the path, joins
 * doubled headers, takes a NUL inside a value, answers h2c and CONNECT, and
 * has a use-after-free behind a keep-alive request. It sees only the request
 * that transport_lws.c writes for it once this one has been let in. Pure.
 */
#ifndef WSD_HEAD_H
#define WSD_HEAD_H

#include "wsd/handshake.h"

#include <stddef.h>

/*
 * Bytes, the empty line included: every Cookie header that login.fcgi takes,
 * and as much as servers commonly take of the rest.
 */
#define HEAD_BYTES_MAX (COOKIE_BYTES_MAX + 4096)
#define HEAD_HEADERS_MAX 100

enum head_err {
	HEAD_OK = 0,
	HEAD_MORE, /* so far so good, the empty line is still to come */
	HEAD_MALFORMED,
	HEAD_LONG, /* more than HEAD_BYTES_MAX or _HEADERS_MAX */
};

/*
 * *out points into bytes; peer is left as it is. HEAD_MORE only looks for
 * the end: what is malformed is found when the head is complete, unless its
 * first byte already cannot begin a method.
 */
enum head_err
head_parse(const char *bytes, size_t n, struct handshake_request *out);

#endif
