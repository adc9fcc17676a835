/*
 * POST /account/sessions/revoke: ends one of one's sessions, or all others.
 */
#ifndef FCGI_APP_PAGE_REVOKE_H
#define FCGI_APP_PAGE_REVOKE_H

#include "fcgi-app/app.h"

void page_revoke(struct call *c);

#endif
