/*
 * POST /logout: the end of a session.
 */
#ifndef FCGI_APP_PAGE_LOGOUT_H
#define FCGI_APP_PAGE_LOGOUT_H

#include "fcgi-app/app.h"

void page_logout(struct call *c);

#endif
