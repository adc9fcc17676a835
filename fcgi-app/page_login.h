/*
 * GET /login: the form. POST /login: a sign-in.
 */
#ifndef FCGI_APP_PAGE_LOGIN_H
#define FCGI_APP_PAGE_LOGIN_H

#include "fcgi-app/app.h"

void page_login(struct call *c);

#endif
