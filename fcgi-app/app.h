/*
 * From a request to its answer. One per worker; knows neither FastCGI nor
 * sockets.
 */
#ifndef FCGI_APP_APP_H
#define FCGI_APP_APP_H

#include "auth/sessions.h"
#include "base/config.h"
#include "fcgi-app/request.h"
#include "fcgi-app/response.h"
#include "fcgi-app/slots.h"
#include "fcgi-app/stores.h"
#include "fcgi-app/views.h"

#include <stdbool.h>

struct app {
	const struct config *config;
	const struct views *views;
	const struct slots *slots;
	struct stores stores;
	int slot; /* taken for the next request; -1: none */
	/* Others are waiting for one: the next request gets none. */
	bool has_queue;
	/* The request at hand found none: it may be handled again. */
	bool is_out_of_slots;
};

/* What every page gets. */
struct call {
	struct app *app;
	const struct request *req;
	struct response *resp;
	enum i18n_lang lang;
	enum views_theme theme;
};

void
app_init(struct app *a, const struct config *config, const struct views *views,
    const struct slots *slots, const struct clock *clock);
void app_fini(struct app *a);

/* req is parsed, not yet settled. Always leaves an answer in resp. */
void app_handle(struct app *a, struct request *req, struct response *resp);

/* The same for the role Authorizer: may this request go on? */
void app_authorize(struct app *a, struct request *req, struct response *resp);

/*
 * The answer to what never became a request: status is 400, 403 ("role"),
 * or 431.
 */
void
app_refuse(struct app *a, int status, const char *what, struct response *resp);

/*
 * The slot taken for the request at hand, else a free one, or -1. The
 * caller's.
 */
int app_take_slot(struct app *a);

/* After the answer has left. */
void app_idle(struct app *a);

/*
 * 303 to a page of ours: path, without the site's prefix, and where to go after
 * it (a local URL with the prefix, see next_url.h; NULL: nowhere).
 */
void app_redirect(struct call *c, const char *path, const char *next);

/* The same to sign in, and from there to a page of ours: without the prefix. */
void app_redirect_login(struct call *c, const char *page);

/*
 * Whether people may sign in over this connection: https, or plain http
 * where the configuration allows it.
 */
bool app_is_safe(const struct call *c);

#endif
