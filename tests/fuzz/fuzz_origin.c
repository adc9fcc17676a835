/*
 * Origin, a newline, then the Host or X-Forwarded-For. An Origin that is
 * allowed holds nothing but its own kind of characters.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/address.h"
#include "auth/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_origin(const char *origin, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (origin[i] <= ' ' || strchr("@,?#\\\"<>", origin[i]) != NULL)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char a[] = "https://a.example", b[] = "http://[::1]:8080";
	static char c[] = "10.0.0.0/8", d[] = "2001:db8::/33";
	static char *origins[] = {a, b}, *proxies[] = {c, d};
	static const struct config_list ours = {origins, 2};
	static const struct config_list trusted = {proxies, 2};
	static const struct config_list none = {NULL, 0};
	const char *text = (const char *)data;
	const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
	size_t n = newline != NULL ? (size_t)(newline - text) : size;
	const char *rest = newline != NULL ? newline + 1 : text + size;
	size_t rest_len = size - (size_t)(rest - text);
	char address[ADDRESS_SIZE];
	char net[ADDRESS_NETWORK_SIZE], again[ADDRESS_NETWORK_SIZE];
	uint8_t raw[16];

	if (origin_is_allowed(&ours, text, n, true, rest, rest_len))
		check_origin(text, n);
	if (origin_is_allowed(&none, text, n, true, rest, rest_len)) {
		check_origin(text, n);
		check_origin(rest, rest_len);
	}
	address_of_client(&trusted, "10.1.1.1", rest, rest_len, address);
	if (inet_pton(AF_INET, address, raw) != 1 &&
	    inet_pton(AF_INET6, address, raw) != 1)
		abort();
	if (origin_is_forwarded_https(rest, rest_len) && rest_len < 5)
		abort();
	if (n < sizeof(address)) {
		memcpy(address, text, n);
		address[n] = '\0';
		(void)address_is_trusted_proxy(&trusted, address);
		if (address_network(address, net) &&
		    (!address_network(net, again) || strcmp(net, again) != 0))
			abort();
		char *item = address;
		const struct config_list fuzzed = {&item, 1};
		(void)address_is_trusted_proxy(&fuzzed, "2001:db8::1");
		(void)address_is_trusted_proxy(&fuzzed, "10.9.8.7");
	}
	return 0;
}
