#include "fcgi-app/post.h"

#include "base/log.h"
#include "fcgi-app/csrf.h"
#include "fcgi-app/page_error.h"

#include <stdint.h>
#include <string.h>

void
post_audit_refuse(const struct call *c, const char *reason)
{
	const struct log_field fields[] = {
	    {"path", c->req->path, SIZE_MAX},
	    {"reason", reason, SIZE_MAX},
	    {"address", c->req->address, SIZE_MAX},
	    {"origin", c->req->origin, SIZE_MAX},
	    {"fetch_site", c->req->fetch_site, SIZE_MAX},
	};

	log_audit("refuse", fields, sizeof(fields) / sizeof(fields[0]));
}

bool
post_is_own(struct call *c)
{
	if (csrf_is_own_source(c->req, &c->app->config->site.origins))
		return true;
	post_audit_refuse(c, "origin");
	page_error(c, 403, "403");
	return false;
}

bool
post_is_over(const struct call *c, size_t max)
{
	const struct request *req = c->req;

	return req->is_body_over || req->body_len > max ||
	    req->content_length > (int64_t)max;
}

bool
post_is_form(struct call *c, size_t max)
{
	const struct request *req = c->req;

	if (post_is_over(c, max)) {
		page_error(c, 413, "413");
		return false;
	}
	if (!form_is_type(req->content_type)) {
		page_error(c, 415, "415");
		return false;
	}
	/* Cut short on the way, or more than was announced. */
	if (req->content_length != -1 &&
	    (size_t)req->content_length != req->body_len) {
		log_info("%s: %zu bytes of a body of %lld", req->path,
		    req->body_len, (long long)req->content_length);
		page_error(c, 400, "400");
		return false;
	}
	return true;
}

bool
post_form(struct call *c, char body[static FORM_BODY_MAX],
    struct form_field *fields, size_t count)
{
	size_t n = c->req->body_len;

	if (n > 0)
		memcpy(body, c->req->body, n);
	enum form_err err = form_parse(body, n, FORM_STRICT, fields, count);
	if (err == FORM_OK)
		return true;
	log_info("%s: %s", c->req->path, form_strerror(err));
	page_error(c, 400, "400");
	return false;
}
