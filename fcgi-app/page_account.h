/*
 * GET /account: one's own sessions and password.
 */
#ifndef FCGI_APP_PAGE_ACCOUNT_H
#define FCGI_APP_PAGE_ACCOUNT_H

#include "fcgi-app/app.h"
#include "fcgi-app/form.h"
#include "fcgi-app/visitor.h"

#include <stdbool.h>

void page_account(struct call *c);

/*
 * Shows it again with reason set to value, as the answer to a form. Signed
 * in alone.
 */
void page_account_again(struct call *c, const struct visitor *v, int status,
    enum view_value reason, const char *value);

/*
 * What a form of the page goes through before it is believed: its source and
 * its session, then its fields, of which the first is its token. false:
 * answered.
 */
bool page_account_visitor(struct call *c, struct visitor *v);
bool page_account_form(struct call *c, const struct visitor *v, size_t max,
    char body[static FORM_BODY_MAX], struct form_field *fields, size_t count);

/* 303 back to the page, which then says that done has been done. */
void page_account_done(struct call *c, const char *done);

#endif
