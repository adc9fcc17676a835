/*
 * The page is whole without a script, so what changes is a form of its own
 * and answers with a redirect to the page, or with the page and what was
 * wrong. A session is called by its key in the store, of which no cookie can
 * be made.
 */
#include "fcgi-app/page_account.h"

#include "auth/token.h"
#include "base/clock.h"
#include "fcgi-app/choice.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/post.h"
#include "fcgi-app/user_agent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_SHOWN 100
#define TO_MINUTES (sizeof("YYYY-MM-DD HH:MM") - 1)

struct entry {
	char key[SESSIONS_KEY_SIZE];
	bool is_current;
	struct record_session session;
};

struct list {
	const char *current; /* its key */
	struct buf entries;

	/* Of the row at hand. */
	struct user_agent agent;
	char created[CLOCK_LOCAL_SIZE], seen[CLOCK_LOCAL_SIZE];
	char created_utc[CLOCK_RFC3339_SIZE], seen_utc[CLOCK_RFC3339_SIZE];
};

static int
collect(void *arg, const char *key, const struct record_session *r)
{
	struct list *list = arg;
	struct entry e = {
	    .is_current = strcmp(key, list->current) == 0, .session = *r};

	memcpy(e.key, key, sizeof(e.key));
	return buf_append(&list->entries, &e, sizeof(e));
}

/* The one at hand, then the one used last. */
static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->is_current != y->is_current)
		return x->is_current ? -1 : 1;
	if (x->session.seen_s != y->session.seen_s)
		return x->session.seen_s > y->session.seen_s ? -1 : 1;
	return strcmp(x->key, y->key);
}

static size_t
length(const struct list *list)
{
	return list->entries.len / sizeof(struct entry);
}

static void
put_time(int64_t s, char local[static CLOCK_LOCAL_SIZE],
    char utc[static CLOCK_RFC3339_SIZE])
{
	clock_format_local(s * 1000, local);
	local[TO_MINUTES] = '\0';
	clock_format_rfc3339(s * 1000, utc);
}

static bool
row(void *arg, size_t i, const char **values)
{
	struct list *list = arg;
	const struct entry *e = (struct entry *)(void *)list->entries.data + i;

	if (i == length(list) || i == SESSIONS_SHOWN)
		return false;
	user_agent_read(
	    e->session.agent, strlen(e->session.agent), &list->agent);
	put_time(e->session.created_s, list->created, list->created_utc);
	put_time(e->session.seen_s, list->seen, list->seen_utc);
	values[VIEW_SESSION] = e->key + 2;
	values[VIEW_IS_CURRENT] = e->is_current ? "1" : NULL;
	values[VIEW_BROWSER] = list->agent.browser;
	values[VIEW_SYSTEM] = list->agent.system;
	values[VIEW_ADDRESS] = e->session.address;
	values[VIEW_CREATED] = list->created;
	values[VIEW_CREATED_UTC] = list->created_utc;
	values[VIEW_SEEN] = list->seen;
	values[VIEW_SEEN_UTC] = list->seen_utc;
	return true;
}

static void
put(struct call *c, const struct visitor *v, struct list *list,
    const char *values[static VIEW_VALUES])
{
	const struct app *a = c->app;
	char csrf[TOKEN_BOUND_SIZE], min[24], more[24], zone[CLOCK_ZONE_SIZE];
	size_t n = length(list);

	if (!visitor_bind(c, v, csrf)) {
		page_error_store(c);
		return;
	}
	qsort(list->entries.data, n, sizeof(struct entry), compare);
	snprintf(min, sizeof(min), "%" PRId64, a->config->login.password_min);
	snprintf(more, sizeof(more), "%zu",
	    n > SESSIONS_SHOWN ? n - SESSIONS_SHOWN : 0);
	clock_format_zone(clock_wall_ms(a->stores.clock), zone);
	values[VIEW_USER] = v->session.user;
	values[VIEW_CSRF] = csrf;
	values[VIEW_PASSWORD_MIN] = min;
	values[VIEW_ZONE] = zone;
	values[VIEW_HAS_OTHERS] = n > 1 ? "1" : NULL;
	values[VIEW_MORE] = n > SESSIONS_SHOWN ? more : NULL;
	views_render_list(a->views, VIEW_ACCOUNT, c->lang, c->theme, values,
	    row, list, &c->resp->body);
}

static void
show(struct call *c, const struct visitor *v,
    const char *values[static VIEW_VALUES])
{
	struct list list = {.current = v->key, .entries = BUF_INIT};
	struct sessions *sessions = stores_sessions(&c->app->stores);
	enum store_err err = sessions != NULL
	    ? sessions_each_of(sessions, v->session.user, collect, &list)
	    : STORE_MISSING;

	if (err == STORE_OK && list.entries.has_failed)
		err = STORE_NOMEM;
	if (err == STORE_OK) {
		put(c, v, &list, values);
	} else {
		if (sessions != NULL)
			stores_sessions_failed(&c->app->stores, "read", err);
		page_error_store(c);
	}
	buf_fini(&list.entries);
}

void
page_account_again(struct call *c, const struct visitor *v, int status,
    enum view_value reason, const char *value)
{
	const char *values[VIEW_VALUES] = {NULL};

	values[reason] = value;
	c->resp->status = status;
	show(c, v, values);
}

void
page_account_done(struct call *c, const char *done)
{
	char location[64];

	snprintf(location, sizeof(location), "/account?done=%s", done);
	app_redirect(c, location, NULL);
}

/* What the form before it has done. */
static enum view_value
read_done(const struct call *c)
{
	char query[REQUEST_QUERY_MAX];
	struct form_field field = {.name = "done"};

	form_query(c->req->query, query, &field, 1);
	if (field.value == NULL)
		return VIEW_VALUES;
	if (field.n == 8 && memcmp(field.value, "password", 8) == 0)
		return VIEW_IS_CHANGED;
	if (field.n == 5 && memcmp(field.value, "ended", 5) == 0)
		return VIEW_IS_ENDED;
	return VIEW_VALUES;
}

void
page_account(struct call *c)
{
	const char *values[VIEW_VALUES] = {NULL};
	struct visitor visitor;

	if (choice_switch(c, "/account", NULL))
		return;
	switch (visitor_find(c, &visitor)) {
	case VISITOR_SIGNED_IN:
		break;
	case VISITOR_ANONYMOUS:
		app_redirect_login(c, "/account");
		return;
	case VISITOR_UNKNOWN:
		page_error_store(c);
		return;
	}
	visitor_touch(c, &visitor);
	enum view_value done = read_done(c);
	if (done != VIEW_VALUES)
		values[done] = "1";
	show(c, &visitor, values);
}

bool
page_account_visitor(struct call *c, struct visitor *v)
{
	if (!post_is_own(c))
		return false;
	switch (visitor_find(c, v)) {
	case VISITOR_SIGNED_IN:
		return true;
	case VISITOR_ANONYMOUS:
		app_redirect_login(c, "/account");
		break;
	case VISITOR_UNKNOWN:
		page_error_store(c);
		break;
	}
	return false;
}

bool
page_account_form(struct call *c, const struct visitor *v, size_t max,
    char body[static FORM_BODY_MAX], struct form_field *fields, size_t count)
{
	if (!post_is_form(c, max) || !post_form(c, body, fields, count))
		return false;
	if (visitor_is_own_form(c, v, &fields[0]))
		return true;
	post_audit_refuse(c, "csrf");
	page_account_again(c, v, 403, VIEW_IS_EXPIRED, "1");
	return false;
}
