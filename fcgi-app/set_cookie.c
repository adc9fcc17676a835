/*
 * Every cookie of this program has the same attributes; only its life
 * differs. None is for scripts.
 */
#include "fcgi-app/set_cookie.h"

#include "base/buf.h"

#include <inttypes.h>
#include <string.h>

int
set_cookie(struct response *r, const char *name, const char *value,
    int64_t max_age_s, bool is_https)
{
	struct buf line = BUF_INIT;

	/* A semicolon would begin an attribute of the value's choosing. */
	if (strpbrk(value, ";, \"\\") != NULL) {
		r->is_spoiled = true;
		return -1;
	}
	buf_printf(&line, "%s=%s; Path=/", name, value);
	if (max_age_s != SET_COOKIE_SESSION)
		buf_printf(&line, "; Max-Age=%" PRId64, max_age_s);
	buf_puts(&line, "; HttpOnly; SameSite=Lax");
	if (is_https)
		buf_puts(&line, "; Secure");
	int rc = -1;
	if (line.has_failed)
		r->is_spoiled = true;
	else
		rc = response_header(r, "Set-Cookie", buf_str(&line));
	buf_fini(&line);
	return rc;
}
