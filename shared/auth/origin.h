/*
 * Where a request came from: scheme and host behind a reverse proxy, and
 * whether its Origin is one of ours. Shared, so that both programs agree.
 */
#ifndef AUTH_ORIGIN_H
#define AUTH_ORIGIN_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether Origin (bytes; RFC 6454 §7) is allowed: equal, byte for byte after
 * lower-casing scheme and host and dropping a default port, to one of
 * site.origins; when that list is empty, to scheme://host of the request.
 * "null", a path, user info, a NUL or a second origin never match.
 */
bool origin_is_allowed(const struct config_list *origins, const char *origin,
    size_t n, bool is_https, const char *host, size_t host_len);

/*
 * Whether peer (numeric address, or "unix" for a Unix socket) is in
 * site.trusted_proxies (CIDRs or "unix"). "unix" is always trusted: reaching
 * the socket takes permission of its directory.
 */
bool
origin_is_trusted_proxy(const struct config_list *proxies, const char *peer);

/*
 * The client's address behind trusted proxies: the rightmost entry of
 * X-Forwarded-For (n bytes; may be empty) that is not a trusted proxy, or
 * the leftmost one when all are trusted, or peer when there are none. An entry
 * that is no address ends the walk: what stands left of it was vouched for by
 * nobody. Canonical numeric form in out (an IPv4-mapped address as IPv4);
 * "unix" for a Unix socket of which nothing more is known, "unknown" for a
 * peer that is neither.
 */
#define ORIGIN_ADDRESS_SIZE 46
void origin_client_address(const struct config_list *proxies, const char *peer,
    const char *forwarded_for, size_t n, char out[static ORIGIN_ADDRESS_SIZE]);

/*
 * Whether a trusted proxy's X-Forwarded-Proto (n bytes) says https: the last
 * of "a, b, c" counts, which is what that proxy itself put there.
 */
bool origin_is_forwarded_https(const char *list, size_t n);

/*
 * One entry of such a list (n bytes): an address, in brackets or not, with a
 * port or not, and whether it is a trusted proxy's. false: it is no address;
 * out stays as it is then.
 */
bool origin_hop(const struct config_list *proxies, const char *entry, size_t n,
    char out[static ORIGIN_ADDRESS_SIZE], bool *is_trusted);

/*
 * What one person behind address can call their own, for counting: the IPv4
 * address itself, of IPv6 the network with "/64" (which may stand there
 * already). false, and out not set, when it is neither.
 */
#define ORIGIN_NETWORK_SIZE (ORIGIN_ADDRESS_SIZE + 3)
bool origin_network(const char *address, char out[static ORIGIN_NETWORK_SIZE]);

#endif
