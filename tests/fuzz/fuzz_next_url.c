/*
 * Redirect targets. What passes is looked at again the way a browser would:
 * it must not be able to name another site or a header.
 */
#include "fcgi-app/next_url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const char *prefix, const char *bytes, size_t size)
{
	char out[NEXT_URL_MAX + 1], otherwise[NEXT_URL_MAX + 1];

	snprintf(otherwise, sizeof(otherwise), "%s" NEXT_URL_DEFAULT, prefix);
	next_url_choose(prefix, bytes, size, out);
	size_t n = strlen(out);
	if (n == 0 || n > NEXT_URL_MAX || out[0] != '/' || out[1] == '/' ||
	    out[1] == '\\')
		abort();
	for (size_t i = 0; i < n; i++)
		if (out[i] <= 0x20 || out[i] >= 0x7f || out[i] == '\\' ||
		    out[i] == '#' || out[i] == '"' || out[i] == '<')
			abort();
	if (!next_url_is_local(out, n))
		abort();
	size_t path = strcspn(out, "?");
	for (size_t i = 0; i + 1 < path; i++)
		if (out[i] == '/' &&
		    (out[i + 1] == '/' ||
			(out[i + 1] == '.' &&
			    (i + 2 == path || out[i + 2] == '/'))))
			abort();
	/* Either the very bytes, or the default. */
	if (strcmp(out, otherwise) != 0 &&
	    (n != size || memcmp(out, bytes, n) != 0))
		abort();
	/* Not in a circle. */
	if (strncmp(out, prefix, strlen(prefix)) == 0 &&
	    strcmp(out + strlen(prefix), "/login") == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge("", (const char *)data, size);
	judge("/gate", (const char *)data, size);
	return 0;
}
