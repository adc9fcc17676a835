/*
 * GET /session: the session as JSON, for scripts.
 */
#ifndef FCGI_APP_PAGE_SESSION_H
#define FCGI_APP_PAGE_SESSION_H

#include "fcgi-app/app.h"

void page_session(struct call *c);

#endif
