/*
 * The gate: may a request for something that is not ours go on? Asked by web
 * servers, in the role Authorizer (FastCGI 1.0 §6.3) or by a request of their
 * own for /auth. What it answers when it cannot tell is no.
 */
#ifndef FCGI_APP_GATE_H
#define FCGI_APP_GATE_H

#include "fcgi-app/app.h"

/*
 * Authorizer: 200 with Variable-REMOTE_USER (and Variable-REMOTE_GROUPS where
 * there are any); for nobody on a public path 200 alone. Else what the
 * browser gets: as gate_page_login says; 403; 503.
 */
void gate_authorize(struct call *c);

/*
 * /auth: 204 with X-User (and X-Groups), or without for nobody on a public
 * path; 401; 403; 503. The path is X-Original-URI's, X-Forwarded-Uri's and
 * REQUEST_URI's unless that is /auth itself: each that there is must be
 * allowed, so that one a client has made up opens nothing.
 */
void gate_page_auth(struct call *c);

/*
 * /auth/login, what to answer a stranger: 303 to the login and back to
 * REQUEST_URI where somebody is to see a page, else 401 and JSON. See
 * gate_is_page.
 */
void gate_page_login(struct call *c);

/*
 * Whether the answer will be shown as a page. Sec-Fetch-Mode says so
 * (navigate), where the browser sends it: over https and to this machine.
 * Else it is one if it accepts text/html by name, and neither X-Requested-With
 * nor Upgrade says that a script asks.
 */
bool gate_is_page(const struct request *req);

#endif
