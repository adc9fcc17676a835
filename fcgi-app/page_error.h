/*
 * The page that says what went wrong.
 */
#ifndef FCGI_APP_PAGE_ERROR_H
#define FCGI_APP_PAGE_ERROR_H

#include "fcgi-app/app.h"

/*
 * Replaces whatever answer there was, headers included. what: see
 * views_error_texts.
 */
void page_error(struct call *c, int status, const char *what);

/* 503, and when to try again: the page, and the same for scripts. */
void page_error_store(struct call *c);
void page_error_store_json(struct call *c);

#endif
