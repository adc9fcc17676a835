/*
 * Parameters into fields. A parameter that comes twice has no one value, so
 * it is refused where it decides anything; only Cookie may come in several
 * headers, and auth/cookie.h looks at all of them.
 */
#include "fcgi-app/request.h"

#include "auth/forwarded.h"
#include "auth/origin.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where the names go that are kept as they are. */
struct raw {
	const char *method;
	const char *length;
};

static const char **
slot(struct request *r, struct raw *s, const char *name, size_t n)
{
	const struct {
		const char *name;
		const char **value;
	} table[] = {
	    {"REQUEST_METHOD", &s->method},
	    {"SCRIPT_NAME", &r->script_name},
	    {"REQUEST_URI", &r->uri},
	    {"CONTENT_LENGTH", &s->length},
	    {"PATH_INFO", &r->path_info},
	    {"QUERY_STRING", &r->query},
	    {"CONTENT_TYPE", &r->content_type},
	    {"REMOTE_ADDR", &r->remote_addr},
	    {"HTTPS", &r->https},
	    {"REQUEST_SCHEME", &r->scheme},
	    {"HTTP_HOST", &r->host},
	    {"HTTP_ORIGIN", &r->origin},
	    {"HTTP_SEC_FETCH_SITE", &r->fetch_site},
	    {"HTTP_SEC_FETCH_MODE", &r->fetch_mode},
	    {"HTTP_X_REQUESTED_WITH", &r->requested_with},
	    {"HTTP_X_ORIGINAL_URI", &r->original_uri},
	    {"HTTP_X_FORWARDED_URI", &r->forwarded_uri},
	    {"HTTP_UPGRADE", &r->upgrade},
	    {"HTTP_ACCEPT", &r->accept},
	    {"HTTP_ACCEPT_LANGUAGE", &r->accept_language},
	    {"HTTP_USER_AGENT", &r->user_agent},
	    {"HTTP_FORWARDED", &r->forwarded},
	    {"HTTP_X_FORWARDED_FOR", &r->forwarded_for},
	    {"HTTP_X_FORWARDED_PROTO", &r->forwarded_proto},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].name) == n &&
		    memcmp(table[i].name, name, n) == 0)
			return table[i].value;
	return NULL;
}

static enum request_err
take_cookie(struct request *r, const char *value)
{
	if (r->n_cookies == COOKIE_HEADERS_MAX)
		return REQUEST_LONG;
	r->cookies[r->n_cookies].bytes = value;
	r->cookies[r->n_cookies].n = strlen(value);
	r->n_cookies++;
	return REQUEST_OK;
}

static enum request_err
take_params(struct request *r, struct raw *s, char *const *params)
{
	for (; *params != NULL; params++) {
		const char *equals = strchr(*params, '=');
		if (equals == NULL)
			continue;
		size_t n = (size_t)(equals - *params);
		if (n == strlen("HTTP_COOKIE") &&
		    memcmp(*params, "HTTP_COOKIE", n) == 0) {
			enum request_err err = take_cookie(r, equals + 1);
			if (err != REQUEST_OK)
				return err;
			continue;
		}
		const char **value = slot(r, s, *params, n);
		if (value == NULL)
			continue;
		if (*value != NULL)
			return REQUEST_DOUBLE;
		*value = equals + 1;
	}
	return REQUEST_OK;
}

static enum request_method
method_of(const char *s)
{
	if (strcmp(s, "GET") == 0)
		return REQUEST_GET;
	if (strcmp(s, "HEAD") == 0)
		return REQUEST_HEAD;
	if (strcmp(s, "POST") == 0)
		return REQUEST_POST;
	return REQUEST_OTHER;
}

int
request_join_path(const struct request *r, char *out, size_t size)
{
	const char *first = r->script_name != NULL ? r->script_name : "";
	const char *second = r->path_info != NULL ? r->path_info : "";
	size_t n = strlen(first);
	size_t m = strlen(second);

	/* "/" as a mount point with the path behind it. */
	if (n == 1 && first[0] == '/' && m > 0 && second[0] == '/')
		n = 0;
	if (n + m >= size)
		return -1;
	memcpy(out, first, n);
	memcpy(out + n, second, m + 1);
	return 0;
}

/* Where a server sends neither, it is REQUEST_URI without its query. */
static enum request_err
settle_path(struct request *r)
{
	bool is_long = request_join_path(r, r->path, sizeof(r->path)) == -1;

	if (r->path_info == NULL)
		r->path_info = "";
	if (!is_long && r->path[0] == '\0') {
		if (r->uri == NULL || r->uri[0] != '/')
			return REQUEST_NO_PATH;
		size_t n = strcspn(r->uri, "?");
		is_long = n >= sizeof(r->path);
		if (!is_long)
			memcpy(r->path, r->uri, n);
	}
	r->is_long = r->is_long || is_long;
	return REQUEST_OK;
}

/* "-1" is what some servers say for "unknown". */
static enum request_err
settle_length(struct request *r, const char *s)
{
	r->content_length = -1;
	if (s == NULL || *s == '\0' || strcmp(s, "-1") == 0)
		return REQUEST_OK;
	size_t n = strlen(s);
	if (strspn(s, "0123456789") != n || n > 18)
		return REQUEST_LENGTH;
	r->content_length = strtoll(s, NULL, 10);
	return REQUEST_OK;
}

enum request_err
request_parse(char *const *params, struct request *out)
{
	struct raw s = {NULL, NULL};

	memset(out, 0, sizeof(*out));
	enum request_err err = take_params(out, &s, params);
	if (err != REQUEST_OK)
		return err;
	if (s.method == NULL || *s.method == '\0')
		return REQUEST_NO_METHOD;
	out->method = method_of(s.method);
	if (out->query == NULL)
		out->query = "";
	if (strlen(out->query) > REQUEST_QUERY_MAX) {
		out->query = "";
		out->is_long = true;
	}
	err = settle_length(out, s.length);
	if (err != REQUEST_OK)
		return err;
	return settle_path(out);
}

static void
settle_forwarded(
    struct request *r, const struct config_list *proxies, const char *peer)
{
	const char *said = r->forwarded != NULL ? r->forwarded : "";
	struct forwarded client;

	forwarded_client(proxies, peer, said, strlen(said), &client);
	memcpy(r->address, client.address, sizeof(r->address));
	if (client.scheme != FORWARDED_UNSAID)
		r->is_https = client.scheme == FORWARDED_HTTPS;
}

static void
settle_x_forwarded(
    struct request *r, const struct config_list *proxies, const char *peer)
{
	bool is_proxy = address_is_trusted_proxy(proxies, peer);
	const char *chain =
	    is_proxy && r->forwarded_for != NULL ? r->forwarded_for : "";

	if (is_proxy && r->forwarded_proto != NULL)
		r->is_https = origin_is_forwarded_https(
		    r->forwarded_proto, strlen(r->forwarded_proto));
	address_of_client(proxies, peer, chain, strlen(chain), r->address);
}

void
request_settle(struct request *r, const struct config *config)
{
	const char *peer = r->remote_addr != NULL ? r->remote_addr : "";

	/* What servers say for a client on a Unix socket. */
	if (strncmp(peer, "unix:", 5) == 0)
		peer = "unix";
	r->is_https = (r->https != NULL &&
			  (strcasecmp(r->https, "on") == 0 ||
			      strcmp(r->https, "1") == 0)) ||
	    (r->scheme != NULL && strcasecmp(r->scheme, "https") == 0);
	if (config->site.forwarded_header == CONFIG_FORWARDED_RFC)
		settle_forwarded(r, &config->site.trusted_proxies, peer);
	else
		settle_x_forwarded(r, &config->site.trusted_proxies, peer);
}

const char *
request_strerror(enum request_err err)
{
	switch (err) {
	case REQUEST_OK:
		return "in order";
	case REQUEST_NO_METHOD:
		return "REQUEST_METHOD is missing";
	case REQUEST_NO_PATH:
		return "SCRIPT_NAME, PATH_INFO and REQUEST_URI are missing";
	case REQUEST_DOUBLE:
		return "a parameter was sent twice";
	case REQUEST_LENGTH:
		return "CONTENT_LENGTH is not a number";
	case REQUEST_LONG:
		return "too many Cookie headers";
	}
	return "unknown";
}
