/*
 * A new password in place of one that has been verified.
 */
#ifndef FCGI_APP_NEW_PASSWORD_H
#define FCGI_APP_NEW_PASSWORD_H

#include "auth/record.h"
#include "fcgi-app/app.h"
#include "fcgi-app/visitor.h"

enum new_password_result {
	NEW_PASSWORD_OK,
	NEW_PASSWORD_CHANGED, /* the account, meanwhile, by somebody else */
	NEW_PASSWORD_STORE, /* a store failed; logged */
};

/*
 * Sets user's hash, and ends all of his sessions but v's. The old password
 * or none: durable when NEW_PASSWORD_OK, and *user then has the new hash. On
 * failure sessions may have ended all the same. *ended: how many.
 */
enum new_password_result
new_password_set(struct app *a, const struct visitor *v,
    struct record_user *user, const char *hash, size_t *ended);

#endif
