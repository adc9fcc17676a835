/*
 * Whether a password is an account's: slowed down, in a hash slot, and at
 * one price whether there is such an account or not. For signing in and for
 * what asks a person who is signed in once more.
 */
#ifndef FCGI_APP_VERIFY_H
#define FCGI_APP_VERIFY_H

#include "auth/password.h"
#include "auth/record.h"
#include "fcgi-app/app.h"

#include <stddef.h>
#include <stdint.h>

enum verify_result {
	VERIFY_OK, /* the failures before it are forgotten */
	VERIFY_UNKNOWN,
	VERIFY_WRONG,
	VERIFY_LOCKED, /* the password is right all the same */
	VERIFY_THROTTLED, /* no password was looked at */
	VERIFY_BUSY, /* all hash slots are taken, or no memory */
	VERIFY_STORE, /* a store failed; logged */
};

/* The Retry-After of VERIFY_BUSY: who hashes is soon done. */
#define VERIFY_RETRY_S "1"

struct verify {
	/* Of the caller. */
	const char *name; /* bytes as typed */
	size_t name_len;
	const char *password;
	size_t password_len;
	const char *address;
	const uint8_t *device; /* TOKEN_ID_BYTES; NULL: a stranger */

	/* Results. */
	struct record_user user; /* VERIFY_OK, WRONG and LOCKED: whose it is */
	int64_t wait_s; /* VERIFY_THROTTLED: until the next try */
	int slot;
};

/*
 * The hash slot stays taken for what is hashed besides, until verify_end,
 * which must follow in any case.
 */
enum verify_result verify_begin(struct app *a, struct verify *v);
void verify_end(struct app *a, struct verify *v);

/* What a hash costs as configured. */
struct password_cost verify_cost(const struct app *a);

#endif
