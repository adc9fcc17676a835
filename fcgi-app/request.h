/*
 * A request as the web server tells it (RFC 3875 §4.1, FastCGI params): a
 * view on the parameters, with everything doubtful refused. Pure.
 */
#ifndef FCGI_APP_REQUEST_H
#define FCGI_APP_REQUEST_H

#include "auth/cookie.h"
#include "auth/origin.h"
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
};

enum request_err {
	REQUEST_OK = 0,
	REQUEST_NO_METHOD,
	REQUEST_NO_PATH,
	REQUEST_DOUBLE, /* a parameter twice that decides something */
	REQUEST_LENGTH, /* CONTENT_LENGTH is not a number */
	REQUEST_LONG, /* path, query or cookies beyond their limits */
};

/* Points into the parameters; NULL: not there. Valid as long as they are. */
struct request {
	enum request_method method;
	char path[REQUEST_PATH_SIZE];
	const char *path_info; /* for mounts below a prefix; may be "" */
	const char *query; /* never NULL */
	const char *content_type;
	int64_t content_length; /* -1: not said */
	const char *host;
	const char *origin;
	const char *fetch_site; /* Sec-Fetch-Site */
	const char *accept_language;
	const char *user_agent;
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
	char address[ORIGIN_ADDRESS_SIZE];

	/* The body, set by the caller. */
	const char *body;
	size_t body_len;
	bool is_body_over; /* there was more than FORM_BODY_MAX */
};

/* params: NULL-ended "NAME=value" strings. On failure *out is unusable. */
enum request_err request_parse(char *const *params, struct request *out);

/*
 * The client's address and scheme, believing site.trusted_proxies alone, and
 * of what they send site.forwarded_header alone.
 */
void request_settle(struct request *r, const struct config *config);

const char *request_strerror(enum request_err err);

#endif
