/*
 * What a visitor chose for all pages: language and theme. Kept in a cookie
 * of its own each, for a year, signed in or not.
 */
#ifndef FCGI_APP_CHOICE_H
#define FCGI_APP_CHOICE_H

#include "fcgi-app/app.h"

/*
 * The cookie, else what the site is set to, else what the browser asks for,
 * else English. req may be NULL: nothing could be read.
 */
enum i18n_lang choice_lang(const struct app *a, const struct request *req);

/* The cookie, else as the visitor's system has it. */
enum views_theme choice_theme(const struct request *req);

/*
 * ?lang=LANG and ?theme=light|dark|auto: sets the cookie and answers with a
 * redirect to path (and next, may be NULL). A value that we do not have
 * changes nothing. false: the query asks for neither.
 */
bool choice_switch(struct call *c, const char *path, const char *next);

#endif
