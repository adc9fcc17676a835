/*
 * Origins are compared as {scheme, host, port} in one normal spelling each,
 * made from bytes that may hold anything; what cannot be parsed is equal to
 * nothing.
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
	int64_t v;
	if (!number_parse_plain(
		port + 1, (size_t)(end - port) - 1, 65535, &v) ||
	    v == 0)
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
