/*
 * Where to go after signing in: a path of this site and nothing else. Pure.
 */
#ifndef FCGI_APP_NEXT_URL_H
#define FCGI_APP_NEXT_URL_H

#include <stdbool.h>
#include <stddef.h>

#define NEXT_URL_MAX 512
#define NEXT_URL_DEFAULT "/index"

/*
 * Whether n bytes are an absolute path with an optional query (RFC 3986
 * §3.3, §3.4) that every browser resolves to this very site: no scheme, no
 * authority, no backslash, no empty or dot segment, nothing outside the
 * grammar, and no escape that hides one of these.
 */
bool next_url_is_local(const char *bytes, size_t n);

/*
 * The same bytes when they are local and not /login, /logout or /auth below
 * the site's prefix (which would lead in a circle), else NEXT_URL_DEFAULT
 * below it. bytes may be NULL with n 0; prefix is a site.prefix.
 */
void next_url_choose(const char *prefix, const char *bytes, size_t n,
    char out[static NEXT_URL_MAX + 1]);

#endif
