/*
 * GET / and /index: the chat page, or the way to the login.
 */
#ifndef FCGI_APP_PAGE_CHAT_H
#define FCGI_APP_PAGE_CHAT_H

#include "fcgi-app/app.h"

void page_chat(struct call *c);

#endif
