/*
 * Who a request came from: peers, proxies, clients behind them. Shared, so that
 * both programs agree.
 */
#ifndef AUTH_ADDRESS_H
#define AUTH_ADDRESS_H

#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether peer (numeric address, or "unix" for a Unix socket) is in
 * site.trusted_proxies (CIDRs or "unix"). "unix" is always trusted: reaching
 * the socket takes permission of its directory.
 */
bool
address_is_trusted_proxy(const struct config_list *proxies, const char *peer);

/*
 * The client's address behind trusted proxies: the rightmost entry of
 * X-Forwarded-For (n bytes; may be empty) that is not a trusted proxy, or
 * the leftmost one when all are trusted, or peer when there are none. An entry
 * that is no address ends the walk: what stands left of it was vouched for by
 * nobody. Canonical numeric form in out (an IPv4-mapped address as IPv4);
 * "unix" for a Unix socket of which nothing more is known, "unknown" for a
 * peer that is neither.
 */
#define ADDRESS_SIZE 46
void address_of_client(const struct config_list *proxies, const char *peer,
    const char *forwarded_for, size_t n, char out[static ADDRESS_SIZE]);

/*
 * One entry of such a list (n bytes): an address, in brackets or not, with a
 * port or not, and whether it is a trusted proxy's. false: it is no address;
 * out stays as it is then.
 */
bool address_hop(const struct config_list *proxies, const char *entry, size_t n,
    char out[static ADDRESS_SIZE], bool *is_trusted);

/*
 * What one person behind address can call their own, for counting: the IPv4
 * address itself, of IPv6 the network with "/64" (which may stand there
 * already). false, and out not set, when it is neither.
 */
#define ADDRESS_NETWORK_SIZE (ADDRESS_SIZE + 3)
bool
address_network(const char *address, char out[static ADDRESS_NETWORK_SIZE]);

#endif
