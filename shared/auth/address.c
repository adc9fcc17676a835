/*
 * Addresses are compared as 16 bytes, IPv4 as its v4-mapped form, so that a
 * socket bound to :: sees the same clients as one on 0.0.0.0.
 */
#include "auth/address.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define NETWORK_BYTES 8 /* of an IPv6 address: /64 */

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};

static bool
is_v4(const uint8_t a[static 16])
{
	return memcmp(a, v4_prefix, sizeof(v4_prefix)) == 0;
}

/* *is_dotted: it was written as IPv4, which a prefix length counts from. */
static bool
parse_address(
    const char *text, size_t n, uint8_t out[static 16], bool *is_dotted)
{
	char literal[INET6_ADDRSTRLEN];

	if (n == 0 || n >= sizeof(literal) || memchr(text, '\0', n) != NULL)
		return false;
	memcpy(literal, text, n);
	literal[n] = '\0';
	*is_dotted = strchr(literal, ':') == NULL;
	if (!*is_dotted)
		return inet_pton(AF_INET6, literal, out) == 1;
	memcpy(out, v4_prefix, sizeof(v4_prefix));
	return inet_pton(AF_INET, literal, out + sizeof(v4_prefix)) == 1;
}

static bool
is_in_cidr(const uint8_t a[static 16], const char *cidr)
{
	const char *slash = strchr(cidr, '/');
	size_t n = slash != NULL ? (size_t)(slash - cidr) : strlen(cidr);
	uint8_t net[16];
	bool is_dotted;
	int64_t bits;

	if (!parse_address(cidr, n, net, &is_dotted))
		return false;
	bits = is_dotted ? 32 : 128;
	if (slash != NULL &&
	    !number_parse_plain(slash + 1, strlen(slash + 1), bits, &bits))
		return false;
	if (is_dotted)
		bits += 96;
	/* ::/0 means all of IPv6; IPv4 is asked for as IPv4. */
	if (bits < 96 && is_v4(a))
		return false;
	size_t whole = (size_t)bits / 8;
	unsigned rest = (unsigned)bits % 8;
	if (memcmp(a, net, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	uint8_t mask = (uint8_t)(0xff00U >> rest);
	return ((a[whole] ^ net[whole]) & mask) == 0;
}

static bool
is_in_list(const struct config_list *proxies, const uint8_t a[static 16])
{
	for (size_t i = 0; i < proxies->n; i++)
		if (is_in_cidr(a, proxies->items[i]))
			return true;
	return false;
}

bool
address_is_trusted_proxy(const struct config_list *proxies, const char *peer)
{
	uint8_t a[16];
	bool is_dotted;

	if (strcmp(peer, "unix") == 0)
		return true;
	return parse_address(peer, strlen(peer), a, &is_dotted) &&
	    is_in_list(proxies, a);
}

static void
format_address(const uint8_t a[static 16], char out[static ADDRESS_SIZE])
{
	if (is_v4(a))
		inet_ntop(AF_INET, a + sizeof(v4_prefix), out, ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, a, out, ADDRESS_SIZE);
}

/* One entry: an address, in brackets or not, with a port or not. */
static bool
parse_entry(const char *p, size_t n, uint8_t out[static 16])
{
	const char *end, *port;
	bool is_dotted;
	int64_t unused;

	while (n > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (n == 0)
		return false;
	end = p + n;
	if (*p == '[') {
		const char *close = memchr(p, ']', n);
		if (close == NULL)
			return false;
		port = close + 1;
		p++;
		if (!parse_address(p, (size_t)(close - p), out, &is_dotted) ||
		    is_dotted)
			return false;
	} else if ((port = memchr(p, ':', n)) != NULL &&
	    memchr(port + 1, ':', (size_t)(end - port) - 1) == NULL) {
		/* A single colon cannot be IPv6. */
		if (!parse_address(p, (size_t)(port - p), out, &is_dotted))
			return false;
	} else {
		return parse_address(p, n, out, &is_dotted);
	}
	return port == end ||
	    (*port == ':' &&
		number_parse_plain(
		    port + 1, (size_t)(end - port) - 1, 65535, &unused));
}

bool
address_hop(const struct config_list *proxies, const char *entry, size_t n,
    char out[static ADDRESS_SIZE], bool *is_trusted)
{
	uint8_t a[16];

	if (!parse_entry(entry, n, a))
		return false;
	format_address(a, out);
	*is_trusted = is_in_list(proxies, a);
	return true;
}

void
address_of_client(const struct config_list *proxies, const char *peer,
    const char *forwarded_for, size_t n, char out[static ADDRESS_SIZE])
{
	uint8_t a[16];
	bool is_dotted, is_trusted;

	if (strcmp(peer, "unix") == 0) {
		memcpy(out, "unix", sizeof("unix"));
	} else if (parse_address(peer, strlen(peer), a, &is_dotted)) {
		format_address(a, out);
	} else {
		memcpy(out, "unknown", sizeof("unknown"));
		return;
	}
	if (!address_is_trusted_proxy(proxies, peer))
		return;
	while (n > 0) {
		const char *comma = memrchr(forwarded_for, ',', n);
		const char *entry = comma != NULL ? comma + 1 : forwarded_for;
		size_t len = n - (size_t)(entry - forwarded_for);

		if (!address_hop(proxies, entry, len, out, &is_trusted) ||
		    !is_trusted)
			return;
		n = comma != NULL ? (size_t)(comma - forwarded_for) : 0;
	}
}

bool
address_network(const char *address, char out[static ADDRESS_NETWORK_SIZE])
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a6;
	struct in_addr a4;
	size_t n = strlen(address);
	bool has_net = n > 3 && strcmp(address + n - 3, "/64") == 0;

	if (has_net)
		n -= 3;
	if (n >= sizeof(text))
		return false;
	memcpy(text, address, n);
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, &a6) == 1) {
		memset(a6.s6_addr + NETWORK_BYTES, 0,
		    sizeof(a6.s6_addr) - NETWORK_BYTES);
		if (inet_ntop(AF_INET6, &a6, out, INET6_ADDRSTRLEN) == NULL)
			return false;
		strcat(out, "/64");
		return true;
	}
	return !has_net && inet_pton(AF_INET, text, &a4) == 1 &&
	    inet_ntop(AF_INET, &a4, out, INET6_ADDRSTRLEN) != NULL;
}
