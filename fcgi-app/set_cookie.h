/*
 * Cookies on their way out (RFC 6265 §4.1). Reading them is
 * auth/cookie.h's, so that both programs agree.
 */
#ifndef FCGI_APP_SET_COOKIE_H
#define FCGI_APP_SET_COOKIE_H

#include "fcgi-app/response.h"

#include <stdbool.h>
#include <stdint.h>

#define SET_COOKIE_SESSION (-1) /* until the browser is closed */
#define SET_COOKIE_DELETE 0

/*
 * Adds Set-Cookie with Path=/, HttpOnly, SameSite=Lax, and Secure when
 * is_https. value: no semicolon, comma, blank, quote or
 * backslash. 0 or -1, as
 * response_header.
 */
int set_cookie(struct response *r, const char *name, const char *value,
    int64_t max_age_s, bool is_https);

#endif
