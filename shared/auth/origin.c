/*
 * Origins are compared as {scheme, host, port} in one normal spelling each,
 * made from bytes that may hold anything; what cannot be parsed is equal to
 * nothing. Addresses are compared as 16 bytes, IPv4 as its v4-mapped form,
 * so that a socket bound to :: sees the same clients as one on 0.0.0.0.
 */
#include "auth/origin.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCHEME_MAX 16
#define HOST_MAX 255
#define NETWORK_BYTES 8 /* of an IPv6 address: /64 */

struct origin {
	char scheme[SCHEME_MAX + 1];
	char host[HOST_MAX + 1];
	unsigned port; /* 0: the scheme's default, or none */
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_alpha(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal in its one spelling, at most max. -1: it is not. */
static long
parse_number(const char *text, size_t n, long max)
{
	int64_t v;

	if (n == 0 || (n > 1 && text[0] == '0') ||
	    !number_parse(text, n, max, &v))
		return -1;
	return (long)v;
}

/* --- origins ------------------------------------------------------------ */

static bool
parse_scheme(const char *text, size_t n, char out[static SCHEME_MAX + 1])
{
	if (n == 0 || n > SCHEME_MAX || !is_alpha(text[0]))
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' &&
		    c != '.')
			return false;
		out[i] = lower(c);
	}
	out[n] = '\0';
	return true;
}

/* What is between the brackets; any spelling of the address becomes one. */
static bool
parse_host6(const char *text, size_t n, char out[static HOST_MAX + 1])
{
	char literal[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (n >= sizeof(literal) || memchr(text, '\0', n) != NULL)
		return false;
	memcpy(literal, text, n);
	literal[n] = '\0';
	if (inet_pton(AF_INET6, literal, &a) != 1)
		return false;
	out[0] = '[';
	if (inet_ntop(AF_INET6, &a, out + 1, INET6_ADDRSTRLEN) == NULL)
		return false;
	memcpy(out + strlen(out), "]", sizeof("]"));
	return true;
}

static bool
parse_host(const char *text, size_t n, char out[static HOST_MAX + 1])
{
	if (n == 0 || n > HOST_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' &&
		    c != '_')
			return false;
		out[i] = lower(c);
	}
	out[n] = '\0';
	return true;
}

/* host[:port], as in a Host header; o->scheme is set already. */
static bool
parse_authority(const char *text, size_t n, struct origin *o)
{
	const char *end = text + n, *port;

	if (n > 0 && text[0] == '[') {
		const char *close = memchr(text, ']', n);
		if (close == NULL ||
		    !parse_host6(text + 1, (size_t)(close - text) - 1, o->host))
			return false;
		port = close + 1;
	} else {
		port = memchr(text, ':', n);
		if (port == NULL)
			port = end;
		if (!parse_host(text, (size_t)(port - text), o->host))
			return false;
	}
	o->port = 0;
	if (port == end)
		return true;
	if (*port != ':')
		return false;
	long v = parse_number(port + 1, (size_t)(end - port) - 1, 65535);
	if (v <= 0)
		return false;
	if ((v == 80 && strcmp(o->scheme, "http") == 0) ||
	    (v == 443 && strcmp(o->scheme, "https") == 0))
		v = 0;
	o->port = (unsigned)v;
	return true;
}

static bool
parse_origin(const char *text, size_t n, struct origin *o)
{
	const char *colon = memchr(text, ':', n);

	if (colon == NULL)
		return false;
	size_t scheme_len = (size_t)(colon - text);
	if (n - scheme_len < 3 || memcmp(colon, "://", 3) != 0)
		return false;
	return parse_scheme(text, scheme_len, o->scheme) &&
	    parse_authority(colon + 3, n - scheme_len - 3, o);
}

static bool
is_same(const struct origin *a, const struct origin *b)
{
	return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 &&
	    strcmp(a->host, b->host) == 0;
}

bool
origin_is_allowed(const struct config_list *origins, const char *origin,
    size_t n, bool is_https, const char *host, size_t host_len)
{
	struct origin asked, ours;

	if (n == 0 || !parse_origin(origin, n, &asked))
		return false;
	if (origins->n == 0) {
		snprintf(ours.scheme, sizeof(ours.scheme), "%s",
		    is_https ? "https" : "http");
		return host_len > 0 && parse_authority(host, host_len, &ours) &&
		    is_same(&asked, &ours);
	}
	for (size_t i = 0; i < origins->n; i++) {
		const char *item = origins->items[i];
		if (parse_origin(item, strlen(item), &ours) &&
		    is_same(&asked, &ours))
			return true;
	}
	return false;
}

/* --- addresses ---------------------------------------------------------- */

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
	long bits;

	if (!parse_address(cidr, n, net, &is_dotted))
		return false;
	const long max = is_dotted ? 32 : 128;
	bits = slash != NULL ? parse_number(slash + 1, strlen(slash + 1), max)
			     : max;
	if (bits < 0)
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
origin_is_trusted_proxy(const struct config_list *proxies, const char *peer)
{
	uint8_t a[16];
	bool is_dotted;

	if (strcmp(peer, "unix") == 0)
		return true;
	return parse_address(peer, strlen(peer), a, &is_dotted) &&
	    is_in_list(proxies, a);
}

static void
format_address(const uint8_t a[static 16], char out[static ORIGIN_ADDRESS_SIZE])
{
	if (is_v4(a))
		inet_ntop(
		    AF_INET, a + sizeof(v4_prefix), out, ORIGIN_ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, a, out, ORIGIN_ADDRESS_SIZE);
}

/* One entry: an address, in brackets or not, with a port or not. */
static bool
parse_entry(const char *p, size_t n, uint8_t out[static 16])
{
	const char *end, *port;
	bool is_dotted;

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
		parse_number(port + 1, (size_t)(end - port) - 1, 65535) >= 0);
}

bool
origin_hop(const struct config_list *proxies, const char *entry, size_t n,
    char out[static ORIGIN_ADDRESS_SIZE], bool *is_trusted)
{
	uint8_t a[16];

	if (!parse_entry(entry, n, a))
		return false;
	format_address(a, out);
	*is_trusted = is_in_list(proxies, a);
	return true;
}

void
origin_client_address(const struct config_list *proxies, const char *peer,
    const char *forwarded_for, size_t n, char out[static ORIGIN_ADDRESS_SIZE])
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
	if (!origin_is_trusted_proxy(proxies, peer))
		return;
	while (n > 0) {
		const char *comma = memrchr(forwarded_for, ',', n);
		const char *entry = comma != NULL ? comma + 1 : forwarded_for;
		size_t len = n - (size_t)(entry - forwarded_for);

		if (!origin_hop(proxies, entry, len, out, &is_trusted) ||
		    !is_trusted)
			return;
		n = comma != NULL ? (size_t)(comma - forwarded_for) : 0;
	}
}

bool
origin_network(const char *address, char out[static ORIGIN_NETWORK_SIZE])
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

bool
origin_is_forwarded_https(const char *list, size_t n)
{
	const char *end = list + n;
	const char *comma = n > 0 ? memrchr(list, ',', n) : NULL;
	const char *last = comma != NULL ? comma + 1 : list;

	while (last < end && (*last == ' ' || *last == '\t'))
		last++;
	while (end > last && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return end - last == 5 && strncasecmp(last, "https", 5) == 0;
}
