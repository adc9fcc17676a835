#include "fcgi-app/app.h"

#include "base/log.h"
#include "fcgi-app/choice.h"
#include "fcgi-app/gate.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/routes.h"

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
	const char *prefix = c->app->config->site.prefix;
	struct buf location = BUF_INIT;

	buf_printf(&location, "%s%s", prefix, path);
	if (next != NULL)
		buf_printf(&location, "?next=%s%s", prefix, next);
	if (location.has_failed)
		c->resp->is_spoiled = true;
	response_redirect(c->resp, buf_str(&location));
	buf_fini(&location);
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
