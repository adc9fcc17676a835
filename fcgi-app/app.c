#include "fcgi-app/app.h"

#include "base/log.h"
#include "fcgi-app/form.h"
#include "fcgi-app/gate.h"
#include "fcgi-app/html.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/routes.h"
#include "fcgi-app/set_cookie.h"

#include <string.h>

#define LANG_COOKIE "lang"
#define LANG_MAX_AGE_S (365 * 24 * 3600)

void
app_init(struct app *a, const struct config *config, const struct views *views,
    const struct slots *slots, const struct clock *clock)
{
	a->config = config;
	a->views = views;
	a->slots = slots;
	a->slot = -1;
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
	if (slot == -1)
		slot = slots_take(a->slots);
	a->is_out_of_slots = slot == -1;
	return slot;
}

void
app_idle(struct app *a)
{
	stores_maintain(&a->stores);
}

bool
app_is_safe(const struct call *c)
{
	return c->req->is_https || c->app->config->login.plain_http;
}

static enum i18n_lang
configured_lang(const struct app *a)
{
	switch (a->config->site.language) {
	case CONFIG_LANGUAGE_EN:
		return I18N_EN;
	case CONFIG_LANGUAGE_ZH:
		return I18N_ZH;
	default:
		return I18N_LANGS;
	}
}

/*
 * What the visitor chose, else what the site is set to, else what the
 * browser asks for.
 */
static enum i18n_lang
choose_lang(const struct app *a, const struct request *req)
{
	enum i18n_lang lang = I18N_LANGS;
	const char *value;
	size_t n;

	if (cookie_find(req->cookies, req->n_cookies, LANG_COOKIE, &value,
		&n) == COOKIE_OK)
		lang = i18n_by_name(value, n);
	if (lang == I18N_LANGS)
		lang = configured_lang(a);
	if (lang == I18N_LANGS && req->accept_language != NULL)
		lang = i18n_accept(
		    req->accept_language, strlen(req->accept_language));
	return lang == I18N_LANGS ? I18N_EN : lang;
}

bool
app_switch_lang(struct call *c, const char *path, const char *next)
{
	char query[REQUEST_QUERY_MAX];
	size_t n = strlen(c->req->query);
	struct form_field field = {.name = "lang"};
	struct buf location = BUF_INIT;

	memcpy(query, c->req->query, n);
	form_parse(query, n, FORM_QUERY, &field, 1);
	if (field.value == NULL)
		return false;
	buf_puts(&location, path);
	if (next != NULL) {
		buf_puts(&location, "?next=");
		html_put_query(&location, next, strlen(next));
	}
	response_redirect(c->resp, buf_str(&location));
	/* A language that we do not have changes nothing. */
	enum i18n_lang lang = i18n_by_name(field.value, field.n);
	if (lang != I18N_LANGS)
		set_cookie(c->resp, LANG_COOKIE, i18n_name(lang),
		    LANG_MAX_AGE_S, c->req->is_https);
	buf_fini(&location);
	return true;
}

void
app_handle(struct app *a, struct request *req, struct response *resp)
{
	request_settle(req, a->config);
	struct call c = {a, req, resp, choose_lang(a, req)};
	const struct route *route = routes_find(req->path, req->path_info);

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
	struct call c = {a, req, resp, choose_lang(a, req)};

	gate_authorize(&c);
}

void
app_refuse(struct app *a, int status, const char *what, struct response *resp)
{
	enum i18n_lang lang = configured_lang(a);
	struct call c = {a, NULL, resp, lang == I18N_LANGS ? I18N_EN : lang};

	page_error(&c, status, what);
}
