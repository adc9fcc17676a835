/*
 * One request as a plain CGI program (RFC 3875).
 */
#ifndef FCGI_APP_CGI_H
#define FCGI_APP_CGI_H

#include "base/config.h"
#include "fcgi-app/views.h"

#include <stdbool.h>

/*
 * Whether the environment says that a web server started this program for
 * one request. Arguments must then be ignored: they come from the query.
 */
bool cgi_is_request(void);

/* Answers the request in the environment. The process's exit status. */
int cgi_run(const struct config *config, const struct views *views);

#endif
