#include "fcgi-app/signin.h"

#include "auth/name.h"
#include "auth/password.h"
#include "base/log.h"

#include <stdint.h>
#include <string.h>

static void
audit(const struct signin_attempt *attempt, const char *result,
    const char *reason)
{
	const struct log_field fields[] = {
	    {"result", result, SIZE_MAX},
	    {"reason", reason, SIZE_MAX},
	    {"user", attempt->name, attempt->name_len},
	    {"address", attempt->address, SIZE_MAX},
	    {"agent", attempt->agent, SIZE_MAX},
	};

	log_audit("login", fields, sizeof(fields) / sizeof(fields[0]));
}

/*
 * Whether the password is the user's. A missing user costs a comparison
 * too, so that the answer's time does not tell who exists.
 */
static enum password_err
check(const struct app *a, const struct signin_attempt *attempt,
    const struct record_user *user)
{
	const struct password_cost cost = {
	    .memory_kib = a->config->login.argon2_memory_kib,
	    .passes = a->config->login.argon2_passes,
	};
	const char *hash = user != NULL ? user->hash : NULL;
	enum password_err err = password_verify(
	    hash, attempt->password, attempt->password_len, &cost);

	if (err == PASSWORD_UNUSABLE) {
		log_warn("user %s: the stored password hash is unusable; "
			 "set a new password",
		    user != NULL ? user->name : "?");
		err = password_verify(
		    NULL, attempt->password, attempt->password_len, &cost);
	}
	return err;
}

/*
 * The configured cost has changed since this hash was made. Not being able
 * to write is no reason to refuse a login.
 */
static void
rehash(struct app *a, const struct signin_attempt *attempt,
    struct record_user *user)
{
	const struct password_cost cost = {
	    .memory_kib = a->config->login.argon2_memory_kib,
	    .passes = a->config->login.argon2_passes,
	};
	struct users *users = stores_users(&a->stores);
	struct record_user now;
	char hash[PASSWORD_HASH_SIZE];

	if (users == NULL || !password_needs_rehash(user->hash, &cost) ||
	    password_hash(attempt->password, attempt->password_len, &cost,
		hash) != PASSWORD_OK)
		return;
	enum store_err err = users_try_begin(users);
	if (err != STORE_OK)
		goto failed;
	err = users_get(users, user->name, &now);
	if (err == STORE_OK && strcmp(now.hash, user->hash) != 0)
		err = STORE_NOTFOUND; /* changed meanwhile: leave it alone */
	if (err == STORE_OK) {
		memcpy(now.hash, hash, sizeof(hash));
		err = users_put(users, &now);
	}
	if (err != STORE_OK) {
		users_abort(users);
		if (err != STORE_NOTFOUND)
			goto failed;
		return;
	}
	err = users_commit(users);
	if (err != STORE_OK)
		goto failed;
	memcpy(user->hash, hash, sizeof(hash));
	return;

failed:
	stores_users_failed(&a->stores, "rehash", err);
}

static enum signin_result
begin_session(struct app *a, const struct signin_attempt *attempt,
    const struct record_user *user, char token[static TOKEN_SIZE])
{
	const struct sessions_new fresh = {
	    .user = user->name,
	    .address = attempt->address,
	    .agent = attempt->agent,
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
	if (err == STORE_NOTFOUND) {
		audit(attempt, "failed", "changed");
		return SIGNIN_REFUSED;
	}
	if (err != STORE_OK) {
		stores_sessions_failed(&a->stores, "login", err);
		return SIGNIN_STORE;
	}
	audit(attempt, "ok", NULL);
	return SIGNIN_OK;
}

/* The user of that name; STORE_NOTFOUND also for what is no name. */
static enum store_err
find_user(struct users *users, const struct signin_attempt *attempt,
    struct record_user *out)
{
	char name[NAME_SIZE];

	if (name_canonical(attempt->name, attempt->name_len, name) != NAME_OK)
		return STORE_NOTFOUND;
	return users_get(users, name, out);
}

enum signin_result
signin_try(struct app *a, const struct signin_attempt *attempt,
    char token[static TOKEN_SIZE])
{
	enum signin_result result = SIGNIN_REFUSED;
	struct record_user user;
	struct users *users = stores_users(&a->stores);

	if (users == NULL)
		return SIGNIN_STORE;
	int slot = slots_take(a->slots);
	if (slot == -1) {
		log_notice(
		    "login: all %zu hash slots are taken", a->slots->count);
		return SIGNIN_BUSY;
	}
	enum store_err err = find_user(users, attempt, &user);
	if (err != STORE_OK && err != STORE_NOTFOUND) {
		stores_users_failed(&a->stores, "read", err);
		result = SIGNIN_STORE;
		goto out;
	}
	bool is_known = err == STORE_OK;
	switch (check(a, attempt, is_known ? &user : NULL)) {
	case PASSWORD_OK:
		if (user.is_locked) {
			audit(attempt, "failed", "locked");
			break;
		}
		rehash(a, attempt, &user);
		result = begin_session(a, attempt, &user, token);
		break;
	case PASSWORD_NOMEM:
		log_err("login: no memory for a password hash");
		result = SIGNIN_BUSY;
		break;
	default:
		audit(attempt, "failed", is_known ? "wrong" : "unknown");
		break;
	}
out:
	slots_release(a->slots, slot);
	return result;
}
