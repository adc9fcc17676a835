/*
 * A name and a password become a session, or not.
 */
#ifndef FCGI_APP_SIGNIN_H
#define FCGI_APP_SIGNIN_H

#include "auth/token.h"
#include "fcgi-app/app.h"

#include <stddef.h>

enum signin_result {
	SIGNIN_OK,
	SIGNIN_REFUSED, /* one answer for unknown, wrong and locked */
	SIGNIN_THROTTLED, /* no password was looked at */
	SIGNIN_BUSY, /* all hash slots are taken */
	SIGNIN_STORE, /* a store failed; logged */
};

struct signin_attempt {
	const char *name; /* bytes as typed */
	size_t name_len;
	const char *password;
	size_t password_len;
	const char *address;
	const char *agent; /* may be NULL */
	const uint8_t *device; /* TOKEN_ID_BYTES; NULL: a stranger */
};

/*
 * Costs the same whether the user exists or not. SIGNIN_OK: the session is
 * durable, its cookie value in token. SIGNIN_THROTTLED: *wait_s until the
 * next try. Writes the audit line, which names existing accounts alone.
 */
enum signin_result
signin_try(struct app *a, const struct signin_attempt *attempt,
    char token[static TOKEN_SIZE], int64_t *wait_s);

/*
 * A session for a user whose password (that of user->hash) has been verified.
 * SIGNIN_REFUSED: gone, locked or changed since. No audit line.
 */
enum signin_result signin_session(struct app *a, const struct record_user *user,
    const char *address, const char *agent, char token[static TOKEN_SIZE]);

#endif
