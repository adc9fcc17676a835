/*
 * An answer while it is made, and its bytes in CGI form (RFC 3875 §6).
 *
 * Nothing can be said that is not a header: a name or value with a control
 * byte spoils the whole answer, which then leaves as a plain 500. The
 * protective headers are put on every answer, that one included. An
 * authorizer that lets a request through answers nobody but the web server,
 * and some add its headers to those of the page: there they would forbid what
 * that page is made of.
 */
#ifndef FCGI_APP_RESPONSE_H
#define FCGI_APP_RESPONSE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define RESPONSE_HTML "text/html; charset=utf-8"
#define RESPONSE_JSON "application/json; charset=utf-8"

struct response {
	int status;
	const char *type; /* Content-Type; static storage */
	struct buf headers;
	struct buf body;
	bool is_pass; /* an authorizer's, for the web server alone */
	bool is_spoiled;
};

void response_init(struct response *r); /* 200, text/html */
void response_fini(struct response *r);

/* Back to what response_init left, without freeing. */
void response_reset(struct response *r);

/* Adds a header line. 0, or -1: not allowed in a header, or no memory. */
int response_header(struct response *r, const char *name, const char *value);

/* The same for a value in UTF-8, for web servers and not for browsers. */
int
response_header_utf8(struct response *r, const char *name, const char *value);

/* 303 See Other, no body. */
int response_redirect(struct response *r, const char *location);

/* JSON, a whole line. */
void response_json(struct response *r, int status, const char *text);

/* What the protective headers depend on. */
struct response_site {
	const char *host; /* the request's Host; NULL or odd: left out */
	bool is_https;
};

/*
 * Appends the whole answer. is_head: the same headers, no body. A spoiled
 * one becomes a 500. 0, or -1 out of memory.
 */
int response_write(const struct response *r, const struct response_site *site,
    bool is_head, struct buf *out);

/* Whether a Host may stand in a policy: name or address, optional port. */
bool response_is_host(const char *host);

#endif
