/*
 * application/x-www-form-urlencoded (WHATWG URL §5), for bodies and query
 * strings. Pure; decodes in place.
 */
#ifndef FCGI_APP_FORM_H
#define FCGI_APP_FORM_H

#include "auth/password.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of a body that are looked at: the longest form has three passwords,
 * of which each byte may be escaped.
 */
#define FORM_BODY_MAX (3 * 3 * PASSWORD_BYTES_MAX + 256)
#define FORM_USUAL_MAX 4096 /* all other forms */

enum form_err {
	FORM_OK = 0,
	FORM_ENCODING, /* a '%' without two hex digits */
	FORM_UNKNOWN, /* a field that was not asked for */
	FORM_DOUBLE,
	FORM_MISSING,
};

enum form_mode {
	FORM_STRICT, /* a body: every deviation is an error */
	FORM_QUERY, /* a query: what is odd is left out, nothing is missing */
};

/* The caller sets name; value NULL afterwards means: not there. */
struct form_field {
	const char *name;
	const char *value; /* decoded bytes, no NUL; may hold any byte */
	size_t n;
};

/*
 * Fills the fields from n bytes, which are overwritten and must outlive the
 * values. FORM_QUERY always returns FORM_OK; a name given twice counts as
 * not given there, since it has no one meaning.
 */
enum form_err form_parse(char *bytes, size_t n, enum form_mode mode,
    struct form_field *fields, size_t count);

/*
 * The same in mode FORM_QUERY of a query string, which is left as it is: bytes
 * has room for strlen(query) and must outlive the values.
 */
void form_query(
    const char *query, char *bytes, struct form_field *fields, size_t count);

/* Whether a Content-Type (NULL: none) says that this is such a body. */
bool form_is_type(const char *content_type);

const char *form_strerror(enum form_err err);

#endif
