#include "fcgi-app/app.h"

#include "base/log.h"
#include "fcgi-app/choice.h"
#include "fcgi-app/gate.h"
#include "fcgi-app/html.h"
#include "fcgi-app/next_url.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/routes.h"

#include <stdio.h>
#include <string.h>

void
app_init(struct app *a, const struct config *config, const struct views *views,
    const struct slots *slots, const struct clock *clock)
{
	a->config = config;
	a->views = views;
	a->slots = slots;
	a->slot = -1;
	a->has_queue = false;
	a->is_out_of_slots = false;
	stores_init(&a->stores, config, clock);
}

void
app_fini(struct app *a)
{
	stores_fini(&a->stores);
}

int
app_take_slot(struct app *a)
{
	int slot = a->slot;

	a->slot = -1;
	if (slot == -1 && !a->has_queue)
		slot = slots_take(a->slots);
	a->is_out_of_slots = slot == -1;
	return slot;
}

void
app_idle(struct app *a)
{
	stores_maintain(&a->stores);
}

void
app_redirect(struct call *c, const char *path, const char *next)
{
	struct buf location = BUF_INIT;

	buf_printf(&location, "%s%s", c->app->config->site.prefix, path);
	if (next != NULL) {
		buf_puts(&location, "?next=");
		html_put_query(&location, next, strlen(next));
	}
	if (location.has_failed)
		c->resp->is_spoiled = true;
	response_redirect(c->resp, buf_str(&location));
	buf_fini(&location);
}

void
app_redirect_login(struct call *c, const char *page)
{
	char next[NEXT_URL_MAX + 1];

	snprintf(next, sizeof(next), "%s%s", c->app->config->site.prefix, page);
	app_redirect(c, "/login", next);
}

bool
app_is_safe(const struct call *c)
{
	return c->req->is_https || c->app->config->login.plain_http;
}

void
app_handle(struct app *a, struct request *req, struct response *resp)
{
	request_settle(req, a->config);
	struct call c = {a, req, resp, choice_lang(a, req), choice_theme(req)};
	const struct route *route =
	    routes_find(a->config->site.prefix, req->path, req->path_info);

	if (req->is_long) {
		log_info("request refused: path or query is too long");
		page_error(&c, 400, "400");
	} else if (route == NULL) {
		page_error(&c, 404, "404");
	} else if ((route->methods & req->method) == 0) {
		char allow[ROUTES_ALLOW_SIZE];

		page_error(&c, 405, "405");
		routes_allow(route, allow);
		response_header(resp, "Allow", allow);
	} else {
		route->handle(&c);
	}
}

void
app_authorize(struct app *a, struct request *req, struct response *resp)
{
	request_settle(req, a->config);
	struct call c = {a, req, resp, choice_lang(a, req), choice_theme(req)};

	gate_authorize(&c);
}

void
app_refuse(struct app *a, int status, const char *what, struct response *resp)
{
	struct call c = {
	    a, NULL, resp, choice_lang(a, NULL), choice_theme(NULL)};

	page_error(&c, status, what);
}
