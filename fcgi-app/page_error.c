#include "fcgi-app/page_error.h"

#include <stdio.h>

#define STORE_RETRY_S "5"

void
page_error(struct call *c, int status, const char *what)
{
	const char *values[VIEW_VALUES] = {NULL};
	char number[16];

	response_reset(c->resp);
	c->resp->status = status;
	snprintf(number, sizeof(number), "%d", status);
	values[VIEW_STATUS] = number;
	views_error_texts(c->app->views, c->lang, what, &values[VIEW_HEADING],
	    &values[VIEW_DETAIL]);
	views_render(c->app->views, VIEW_ERROR, c->lang, c->theme, values,
	    &c->resp->body);
}

void
page_error_store(struct call *c)
{
	page_error(c, 503, "503");
	response_header(c->resp, "Retry-After", STORE_RETRY_S);
}

void
page_error_store_json(struct call *c)
{
	response_json(c->resp, 503, "{\"error\":\"store unavailable\"}\n");
	response_header(c->resp, "Retry-After", STORE_RETRY_S);
}
