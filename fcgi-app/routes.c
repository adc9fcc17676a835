#include "fcgi-app/routes.h"

#include "fcgi-app/gate.h"
#include "fcgi-app/page_account.h"
#include "fcgi-app/page_chat.h"
#include "fcgi-app/page_login.h"
#include "fcgi-app/page_logout.h"
#include "fcgi-app/page_password.h"
#include "fcgi-app/page_revoke.h"
#include "fcgi-app/page_session.h"

#include <stdio.h>
#include <string.h>

static const struct route routes[] = {
    {"/", REQUEST_GET | REQUEST_HEAD, page_chat},
    {"/account", REQUEST_GET | REQUEST_HEAD, page_account},
    {"/account/password", REQUEST_POST, page_password},
    {"/account/sessions/revoke", REQUEST_POST, page_revoke},
    {"/auth", REQUEST_ANY, gate_page_auth},
    {"/auth/login", REQUEST_ANY, gate_page_login},
    {"/index", REQUEST_GET | REQUEST_HEAD, page_chat},
    {"/login", REQUEST_GET | REQUEST_HEAD | REQUEST_POST, page_login},
    {"/logout", REQUEST_POST, page_logout},
    {"/session", REQUEST_GET | REQUEST_HEAD, page_session},
};

static const struct route *
find(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	return NULL;
}

const struct route *
routes_find(const char *prefix, const char *path, const char *path_info)
{
	size_t n = strlen(prefix);

	if (n > 0)
		return strncmp(path, prefix, n) == 0 ? find(path + n) : NULL;
	const struct route *r = find(path);

	return r != NULL ? r : find(path_info);
}

void
routes_allow(const struct route *r, char out[static ROUTES_ALLOW_SIZE])
{
	snprintf(out, ROUTES_ALLOW_SIZE, "%s%s",
	    r->methods & REQUEST_GET ? "GET, HEAD" : "",
	    r->methods & REQUEST_POST
		? (r->methods & REQUEST_GET ? ", POST" : "POST")
		: "");
}
