/*
 * One output verb per context in a page: 0, or -1 out of memory. Pure.
 */
#ifndef FCGI_APP_HTML_H
#define FCGI_APP_HTML_H

#include "base/buf.h"

#include <stddef.h>

/*
 * Text for element content and quoted attribute values. Control bytes other
 * than tab and line feed, and what is not UTF-8, become U+FFFD.
 */
int html_put_text(struct buf *out, const char *bytes, size_t n);

/*
 * A value in a query string: all but RFC 3986's unreserved and '/' is escaped.
 */
int html_put_query(struct buf *out, const char *bytes, size_t n);

#endif
