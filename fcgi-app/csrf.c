#include "fcgi-app/csrf.h"

#include "auth/cookie.h"
#include "auth/crypto.h"
#include "auth/origin.h"
#include "fcgi-app/set_cookie.h"

#include <string.h>

bool
csrf_is_own_source(const struct request *req, const struct config_list *origins)
{
	/* "none" is the person himself: typed, a bookmark. */
	if (req->fetch_site != NULL &&
	    strcmp(req->fetch_site, "same-origin") != 0 &&
	    strcmp(req->fetch_site, "same-site") != 0 &&
	    strcmp(req->fetch_site, "none") != 0)
		return false;
	if (req->origin == NULL)
		return true;
	const char *host = req->host != NULL ? req->host : "";
	return origin_is_allowed(origins, req->origin, strlen(req->origin),
	    req->is_https, host, strlen(host));
}

static const char *
cookie_name(const struct request *req)
{
	return req->is_https ? CSRF_COOKIE_HTTPS : CSRF_COOKIE_HTTP;
}

bool
csrf_find(const struct keyring *keys, const struct request *req,
    uint8_t id[static TOKEN_ID_BYTES])
{
	const char *value;
	size_t n;

	return cookie_find(req->cookies, req->n_cookies, cookie_name(req),
		   &value, &n) == COOKIE_OK &&
	    token_verify(keys, TOKEN_CSRF, value, n, id) == TOKEN_OK;
}

void
csrf_begin(const struct keyring *keys, const struct request *req,
    struct response *resp, uint8_t id[static TOKEN_ID_BYTES])
{
	char token[TOKEN_SIZE];

	if (csrf_find(keys, req, id))
		return;
	crypto_random(id, TOKEN_ID_BYTES);
	token_make(keys, TOKEN_CSRF, id, token);
	set_cookie(
	    resp, cookie_name(req), token, SET_COOKIE_SESSION, req->is_https);
}
