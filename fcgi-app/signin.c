#include "fcgi-app/signin.h"

#include "auth/name.h"
#include "auth/password.h"
#include "base/log.h"
#include "fcgi-app/verify.h"

#include <stdint.h>
#include <string.h>

/*
 * What is no account's name may be a password that was typed into the wrong
 * field: it is not written down.
 */
static void
audit(struct app *a, const struct signin_attempt *attempt, const char *result,
    const char *reason)
{
	struct users *users = stores_users(&a->stores);
	char name[NAME_SIZE];
	struct record_user user;
	bool is_known = users != NULL &&
	    name_canonical(attempt->name, attempt->name_len, name) == NAME_OK &&
	    users_get(users, name, &user) == STORE_OK;
	const struct log_field fields[] = {
	    {"result", result, SIZE_MAX},
	    {"reason", reason, SIZE_MAX},
	    {"user", is_known ? user.name : NULL, SIZE_MAX},
	    {"address", attempt->address, SIZE_MAX},
	    {"agent", attempt->agent, SIZE_MAX},
	};

	log_audit("login", fields, sizeof(fields) / sizeof(fields[0]));
	crypto_wipe(&user, sizeof(user));
}

/*
 * The configured cost has changed since this hash was made. Not being able
 * to write is no reason to refuse a login.
 */
static void
rehash(struct app *a, const struct signin_attempt *attempt,
    struct record_user *user)
{
	const struct password_cost cost = verify_cost(a);
	struct users *users = stores_users(&a->stores);
	struct record_user now;
	char hash[PASSWORD_HASH_SIZE];

	if (users == NULL || !password_needs_rehash(user->hash, &cost) ||
	    password_hash(attempt->password, attempt->password_len, &cost,
		hash) != PASSWORD_OK)
		return;
	enum store_err err = users_try_begin(users);
	if (err != STORE_OK)
		goto out;
	err = users_get(users, user->name, &now);
	if (err == STORE_OK && strcmp(now.hash, user->hash) != 0)
		err = STORE_NOTFOUND; /* changed meanwhile: leave it alone */
	if (err == STORE_OK) {
		memcpy(now.hash, hash, sizeof(hash));
		err = users_put(users, &now);
	}
	if (err != STORE_OK) {
		users_abort(users);
		goto out;
	}
	err = users_commit(users);
	if (err == STORE_OK)
		memcpy(user->hash, hash, sizeof(hash));

out:
	/* The lock is another's: the next sign-in does it. */
	if (err != STORE_OK && err != STORE_BUSY && err != STORE_NOTFOUND)
		stores_users_failed(&a->stores, "rehash", err);
	crypto_wipe(&now, sizeof(now));
	crypto_wipe(hash, sizeof(hash));
}

enum signin_result
signin_session(struct app *a, const struct record_user *user,
    const char *address, const char *agent, char token[static TOKEN_SIZE])
{
	const struct sessions_new fresh = {
	    .user = user->name,
	    .address = address,
	    .agent = agent,
	    .idle_s = a->config->login.idle_lifetime_s,
	    .absolute_s = a->config->login.absolute_lifetime_s,
	    .cap = a->config->login.sessions_per_user,
	};
	struct sessions *sessions = stores_sessions(&a->stores);
	struct users *users = stores_users(&a->stores);

	if (sessions == NULL || users == NULL)
		return SIGNIN_STORE;
	enum store_err err =
	    sessions_begin(sessions, users, &fresh, user->hash, token);
	if (err == STORE_OK)
		return SIGNIN_OK;
	if (err == STORE_NOTFOUND)
		return SIGNIN_REFUSED;
	if (sessions_have_users_failed(sessions))
		stores_users_failed(&a->stores, "login", err);
	else
		stores_sessions_failed(&a->stores, "login", err);
	return SIGNIN_STORE;
}

static enum signin_result
begin_session(struct app *a, const struct signin_attempt *attempt,
    struct record_user *user, char token[static TOKEN_SIZE])
{
	rehash(a, attempt, user);
	enum signin_result result =
	    signin_session(a, user, attempt->address, attempt->agent, token);

	if (result == SIGNIN_OK)
		audit(a, attempt, "ok", NULL);
	else if (result == SIGNIN_REFUSED)
		audit(a, attempt, "failed", "changed");
	return result;
}

enum signin_result
signin_try(struct app *a, const struct signin_attempt *attempt,
    char token[static TOKEN_SIZE], int64_t *wait_s)
{
	struct verify v = {
	    .name = attempt->name,
	    .name_len = attempt->name_len,
	    .password = attempt->password,
	    .password_len = attempt->password_len,
	    .address = attempt->address,
	    .device = attempt->device,
	};
	enum signin_result result = SIGNIN_REFUSED;

	switch (verify_begin(a, &v)) {
	case VERIFY_OK:
		result = begin_session(a, attempt, &v.user, token);
		break;
	case VERIFY_UNKNOWN:
		audit(a, attempt, "failed", "unknown");
		break;
	case VERIFY_WRONG:
		audit(a, attempt, "failed", "wrong");
		break;
	case VERIFY_LOCKED:
		audit(a, attempt, "failed", "locked");
		break;
	case VERIFY_THROTTLED:
		*wait_s = v.wait_s;
		audit(a, attempt, "throttled",
		    attempt->device != NULL ? "device" : NULL);
		result = SIGNIN_THROTTLED;
		break;
	case VERIFY_BUSY:
		result = SIGNIN_BUSY;
		break;
	case VERIFY_STORE:
		result = SIGNIN_STORE;
		break;
	}
	verify_end(a, &v);
	return result;
}
