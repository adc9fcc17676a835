/*
 * POST /account/password: a new password of one's own.
 */
#ifndef FCGI_APP_PAGE_PASSWORD_H
#define FCGI_APP_PAGE_PASSWORD_H

#include "fcgi-app/app.h"

void page_password(struct call *c);

#endif
