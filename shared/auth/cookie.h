/*
 * Which cookie of a name a request carries, a session's before all: the one
 * verdict of login.fcgi and wsd (RFC 6265 §4.2.1, read strictly).
 */
#ifndef AUTH_COOKIE_H
#define AUTH_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#define COOKIE_SESSION_HTTPS "__Host-gatecast"
#define COOKIE_SESSION_HTTP "gatecast"
#define COOKIE_BYTES_MAX 8192 /* of all Cookie headers together */
#define COOKIE_HEADERS_MAX 8 /* of a request; with more it is refused */

enum cookie_err {
	COOKIE_OK = 0,
	COOKIE_NONE,
	COOKIE_DOUBLE, /* the name twice, in one header or in two */
	COOKIE_MALFORMED, /* a NUL or control byte, too long */
};

/* One Cookie header's value; bytes, not a C string. */
struct cookie_header {
	const char *bytes;
	size_t n;
};

/*
 * Finds the cookie of that name (exact case) over all headers. *value points
 * into the header, *n its length, quotes not stripped. "; " separates, bare
 * ";" is taken too; blanks around a pair are ignored.
 */
enum cookie_err cookie_find(const struct cookie_header *headers, size_t count,
    const char *name, const char **value, size_t *n);

/*
 * The name under which a session is accepted: https always the __Host- one;
 * plain http the other, and only where login.plain_http allows it (else
 * NULL: no cookie is accepted).
 */
const char *cookie_session_name(bool is_https, bool plain_http);

#endif
