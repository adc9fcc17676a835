/*
 * Forwarded headers: what is taken apart lies inside the bytes, and a proxy's
 * own element at the end names the client, whatever the client sent ahead of
 * it, or the whole is refused.
 */
#include "auth/forwarded.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OWN ", for=192.0.2.1;proto=https"

static void
check_hops(const char *bytes, size_t n)
{
	struct forwarded_hop hops[FORWARDED_HOPS_MAX];
	size_t count;

	if (forwarded_parse(bytes, n, hops, &count) != FORWARDED_OK)
		return;
	if (count > FORWARDED_HOPS_MAX)
		abort();
	for (size_t i = 0; i < count; i++)
		if (hops[i].node_len > 0 &&
		    (hops[i].node < bytes ||
			hops[i].node + hops[i].node_len > bytes + n))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char item[] = "10.0.0.0/8";
	static char *items[] = {item};
	static const struct config_list proxies = {items, 1};
	char *whole = calloc(1, size + sizeof(OWN));
	struct forwarded client;

	if (whole == NULL)
		abort();
	if (size > 0)
		memcpy(whole, data, size);
	check_hops(whole, size);
	memcpy(whole + size, OWN, sizeof(OWN) - 1);
	forwarded_client(
	    &proxies, "10.1.1.1", whole, size + sizeof(OWN) - 1, &client);
	if (client.scheme == FORWARDED_UNSAID
		? strcmp(client.address, "10.1.1.1") != 0
		: strcmp(client.address, "192.0.2.1") != 0 ||
		    client.scheme != FORWARDED_HTTPS)
		abort();
	free(whole);
	return 0;
}
