/*
 * What every form of ours goes through before it is believed.
 */
#ifndef FCGI_APP_POST_H
#define FCGI_APP_POST_H

#include "fcgi-app/app.h"
#include "fcgi-app/form.h"

#include <stdbool.h>
#include <stddef.h>

/* Of a session's hex digits, what audit lines show. */
#define POST_SESSION_CHARS 16

/* Whether it does not come from another site (403). false: answered. */
bool post_is_own(struct call *c);

/* Whether the body is, or says it is, longer than max bytes. */
bool post_is_over(const struct call *c, size_t max);

/*
 * Whether the body may be a form of at most max bytes (413), is of the form
 * type (415) and has come whole (400). false: answered.
 */
bool post_is_form(struct call *c, size_t max);

/*
 * Its fields, all of them and no others (400); the values point into body.
 * false: answered.
 */
bool post_form(struct call *c, char body[static FORM_BODY_MAX],
    struct form_field *fields, size_t count);

/* The audit line of a form that is not ours. */
void post_audit_refuse(const struct call *c, const char *reason);

#endif
