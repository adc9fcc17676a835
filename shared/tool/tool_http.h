/*
 * One GET to an origin, http or https, and the head of its answer. As a
 * stranger asks: a connection each, no redirects, a limit of time.
 */
#ifndef TOOL_TOOL_HTTP_H
#define TOOL_TOOL_HTTP_H

#include "tool/tool_head.h"

#include <stdbool.h>

#define TOOL_HTTP_TIMEOUT_S 5 /* of each step */
#define TOOL_HTTP_HEAD_MAX 16384

struct tool_http_answer {
	char bytes[TOOL_HTTP_HEAD_MAX];
	struct tool_head head; /* into bytes; status 0: no answer */
	const char *cert_why; /* https: what is wrong; NULL: nothing. Static */
};

/*
 * origin: scheme://HOST[:PORT], checked with the configuration. headers: each
 * ended by CR LF. Always sets *out; false: no answer, or none in HTTP.
 */
bool tool_http_get(const char *origin, const char *path, const char *headers,
    struct tool_http_answer *out);

/* Whether the origin is https. */
bool tool_http_is_https(const char *origin);

#endif
