/*
 * Which path leads where.
 */
#ifndef FCGI_APP_ROUTES_H
#define FCGI_APP_ROUTES_H

#include "fcgi-app/app.h"

struct route {
	const char *path;
	unsigned methods; /* enum request_method bits */
	void (*handle)(struct call *c);
};

/*
 * The route of a path below the site's prefix. Without a prefix, where there
 * is none, of the part behind a mount point (PATH_INFO). NULL: 404.
 */
const struct route *
routes_find(const char *prefix, const char *path, const char *path_info);

/* "GET, HEAD, POST": the value of Allow. */
#define ROUTES_ALLOW_SIZE 32
void routes_allow(const struct route *r, char out[static ROUTES_ALLOW_SIZE]);

#endif
