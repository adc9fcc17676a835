/*
 * The Forwarded header (RFC 7239): what each proxy on the way says of whom
 * it speaks for. For sites with `site.forwarded_header = forwarded`; the
 * X-Forwarded ones are address_of_client's.
 */
#ifndef AUTH_FORWARDED_H
#define AUTH_FORWARDED_H

#include "auth/address.h"

#include <stddef.h>

#define FORWARDED_HOPS_MAX 32

enum forwarded_scheme {
	FORWARDED_UNSAID = 0,
	FORWARDED_HTTP, /* anything but https */
	FORWARDED_HTTPS,
};

enum forwarded_err {
	FORWARDED_OK = 0,
	FORWARDED_SYNTAX, /* not RFC 7239 §4 to the last byte */
	FORWARDED_DOUBLE, /* a parameter twice in an element */
	FORWARDED_LONG, /* more than FORWARDED_HOPS_MAX elements */
};

/* One element; node is what stands in for=, without quotes, n 0: nothing. */
struct forwarded_hop {
	const char *node;
	size_t node_len;
	enum forwarded_scheme scheme;
};

/* Points into the bytes. Pure. */
enum forwarded_err forwarded_parse(const char *bytes, size_t n,
    struct forwarded_hop hops[static FORWARDED_HOPS_MAX], size_t *count);

struct forwarded {
	char address[ADDRESS_SIZE];
	enum forwarded_scheme scheme; /* by which the client came */
};

/*
 * The client behind a trusted peer, by the same walk from the right as
 * address_of_client. Of a header that is not well-formed nothing counts,
 * for nobody can say where in it the proxy's own word begins: the client is
 * the peer then.
 */
void forwarded_client(const struct config_list *proxies, const char *peer,
    const char *bytes, size_t n, struct forwarded *out);

#endif
