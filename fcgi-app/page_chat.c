#include "fcgi-app/page_chat.h"

#include "fcgi-app/choice.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/visitor.h"

void
page_chat(struct call *c)
{
	const char *values[VIEW_VALUES] = {NULL};
	char csrf[TOKEN_BOUND_SIZE];
	struct visitor visitor;

	if (choice_switch(c, "/index", NULL))
		return;
	switch (visitor_find(c, &visitor)) {
	case VISITOR_SIGNED_IN:
		break;
	case VISITOR_ANONYMOUS:
		app_redirect_login(c, "/index");
		return;
	case VISITOR_UNKNOWN:
		page_error_store(c);
		return;
	}
	if (!visitor_bind(c, &visitor, csrf)) {
		page_error_store(c);
		return;
	}
	visitor_touch(c, &visitor);
	values[VIEW_USER] = visitor.session.user;
	values[VIEW_CSRF] = csrf;
	views_render(c->app->views, VIEW_CHAT, c->lang, c->theme, values,
	    &c->resp->body);
}
