/*
 * Where a page came from: whether a request's Origin is one of ours, and the
 * scheme behind a reverse proxy. Shared, so that both programs agree.
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
 * Whether a trusted proxy's X-Forwarded-Proto (n bytes) says https: the last
 * of "a, b, c" counts, which is what that proxy itself put there.
 */
bool origin_is_forwarded_https(const char *list, size_t n);

#endif
