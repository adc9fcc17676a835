/*
 * A request as the web server tells it (RFC 3875 §4.1, FastCGI params): a
 * view on the parameters, with everything doubtful refused. Pure.
 */
#ifndef FCGI_APP_REQUEST_H
#define FCGI_APP_REQUEST_H

#include "auth/address.h"
#include "auth/cookie.h"
#include "base/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_PATH_SIZE 256
#define REQUEST_QUERY_MAX 2048

enum request_method {
	REQUEST_GET = 1,
	REQUEST_HEAD = 2,
	REQUEST_POST = 4,
	REQUEST_OTHER = 8,
	REQUEST_ANY = 15,
};

enum request_err {
	REQUEST_OK = 0,
	REQUEST_NO_METHOD,
	REQUEST_NO_PATH,
	REQUEST_DOUBLE, /* a parameter twice that decides something */
	REQUEST_LENGTH, /* CONTENT_LENGTH is not a number */
	REQUEST_LONG, /* cookies beyond their limit */
};

/* Points into the parameters; NULL: not there. Valid as long as they are. */
struct request {
	enum request_method method;
	char path[REQUEST_PATH_SIZE];
	const char *path_info; /* for mounts below a prefix; may be "" */
	const char *query; /* never NULL */
	bool is_long; /* path or query beyond its limit, and so empty */
	const char *content_type;
	int64_t content_length; /* -1: not said */
	const char *host;
	const char *origin;
	const char *fetch_site; /* Sec-Fetch-Site */
	const char *accept_language;
	const char *user_agent;

	/* What a gate needs to know of a request that is not for us. */
	const char *script_name;
	const char *uri; /* REQUEST_URI */
	const char *original_uri; /* X-Original-URI */
	const char *forwarded_uri; /* X-Forwarded-Uri */
	const char *fetch_mode; /* Sec-Fetch-Mode */
	const char *requested_with; /* X-Requested-With */
	const char *upgrade;
	const char *accept;

	struct cookie_header cookies[COOKIE_HEADERS_MAX];
	size_t n_cookies;

	/* Behind a proxy these are the proxy's word; see request_settle. */
	const char *remote_addr;
	const char *forwarded;
	const char *forwarded_for;
	const char *forwarded_proto;
	const char *https;
	const char *scheme;

	/* Settled. */
	bool is_https;
	char address[ADDRESS_SIZE];

	/* The body, set by the caller. */
	const char *body;
	size_t body_len;
	bool is_body_over; /* there was more than FORM_BODY_MAX */
};

/* params: NULL-ended "NAME=value" strings. On failure *out is unusable. */
enum request_err request_parse(char *const *params, struct request *out);

/*
 * SCRIPT_NAME and PATH_INFO, which together are the path as the web server
 * decoded it (RFC 3875 §4.1.5); "" where it sends neither. 0, or -1: it is
 * longer than size allows.
 */
int request_join_path(const struct request *r, char *out, size_t size);

/*
 * The client's address and scheme, believing site.trusted_proxies alone, and
 * of what they send site.forwarded_header alone.
 */
void request_settle(struct request *r, const struct config *config);

const char *request_strerror(enum request_err err);

#endif
