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
	if (err != STORE_OK && sessions_have_users_failed(sessions)) {
		stores_users_failed(&a->stores, "login", err);
		return SIGNIN_STORE;
	}
	if (err != STORE_OK) {
		stores_sessions_failed(&a->stores, "login", err);
		return SIGNIN_STORE;
	}
	audit(attempt, "ok", NULL);
	return SIGNIN_OK;
}

/* --- throttling --------------------------------------------------------- */

/*
 * A throttle store that cannot be used slows nobody down: passwords are still
 * hashed one slot at a time, and a damaged file must not lock everybody out.
 * That another process holds its lock passes by itself and is no such thing.
 */
static enum signin_result
throttle_failed(struct app *a, const char *what, enum store_err err)
{
	stores_throttle_failed(&a->stores, what, err);
	return err == STORE_BUSY ? SIGNIN_BUSY : SIGNIN_OK;
}

/* Before anything is spent on the try. SIGNIN_OK: go on. */
static enum signin_result
look_at_throttle(struct app *a, const struct throttle_who *who, int64_t *wait_s)
{
	struct throttle *t =
	    a->config->login.throttle ? stores_throttle(&a->stores) : NULL;

	*wait_s = 0;
	if (t == NULL)
		return SIGNIN_OK;
	enum store_err err = throttle_wait_s(t, who, wait_s);
	if (err != STORE_OK)
		return throttle_failed(a, "read", err);
	return *wait_s > 0 ? SIGNIN_THROTTLED : SIGNIN_OK;
}

/* Before the password is looked at. SIGNIN_OK: go on. */
static enum signin_result
count_try(struct app *a, struct throttle_who *who, int64_t *wait_s)
{
	struct throttle *t =
	    a->config->login.throttle ? stores_throttle(&a->stores) : NULL;

	if (t == NULL)
		return SIGNIN_OK;
	enum store_err err = throttle_take(t, who, wait_s);
	if (err != STORE_OK)
		return throttle_failed(a, "count", err);
	return *wait_s > 0 ? SIGNIN_THROTTLED : SIGNIN_OK;
}

static void
forget_tries(struct app *a, const struct throttle_who *who)
{
	struct throttle *t =
	    a->config->login.throttle ? stores_throttle(&a->stores) : NULL;

	if (t == NULL)
		return;
	enum store_err err = throttle_give_back(t, who);
	if (err != STORE_OK)
		throttle_failed(a, "forget", err);
}

/* --- one try ------------------------------------------------------------ */

/* In a hash slot, the try counted. */
static enum signin_result
look_at_password(struct app *a, const struct signin_attempt *attempt,
    const struct throttle_who *who, struct record_user *user, bool is_known,
    char token[static TOKEN_SIZE])
{
	switch (check(a, attempt, is_known ? user : NULL)) {
	case PASSWORD_OK:
		if (user->is_locked) {
			audit(attempt, "failed", "locked");
			return SIGNIN_REFUSED;
		}
		forget_tries(a, who);
		rehash(a, attempt, user);
		return begin_session(a, attempt, user, token);
	case PASSWORD_NOMEM:
		log_err("login: no memory for a password hash");
		return SIGNIN_BUSY;
	default:
		audit(attempt, "failed", is_known ? "wrong" : "unknown");
		return SIGNIN_REFUSED;
	}
}

/* In a hash slot, so that no more tries are counted than are under way. */
static enum signin_result
try_in_slot(struct app *a, const struct signin_attempt *attempt,
    struct throttle_who *who, char token[static TOKEN_SIZE], int64_t *wait_s)
{
	struct users *users = stores_users(&a->stores);
	enum store_err err = STORE_NOTFOUND;
	struct record_user user;

	if (users == NULL)
		return SIGNIN_STORE;
	if (who->name != NULL)
		err = users_get(users, who->name, &user);
	if (err != STORE_OK && err != STORE_NOTFOUND) {
		stores_users_failed(&a->stores, "read", err);
		return SIGNIN_STORE;
	}
	enum signin_result result = count_try(a, who, wait_s);
	if (result != SIGNIN_OK)
		return result;
	return look_at_password(a, attempt, who, &user, err == STORE_OK, token);
}

enum signin_result
signin_try(struct app *a, const struct signin_attempt *attempt,
    char token[static TOKEN_SIZE], int64_t *wait_s)
{
	char name[NAME_SIZE];
	struct throttle_who who = {
	    .name = name,
	    .address = attempt->address,
	    .device = attempt->device,
	};

	if (name_canonical(attempt->name, attempt->name_len, name) != NAME_OK)
		who.name = NULL;
	enum signin_result result = look_at_throttle(a, &who, wait_s);
	if (result == SIGNIN_OK) {
		int slot = slots_take(a->slots);
		if (slot == -1) {
			log_notice("login: all %zu hash slots are taken",
			    a->slots->count);
			return SIGNIN_BUSY;
		}
		result = try_in_slot(a, attempt, &who, token, wait_s);
		slots_release(a->slots, slot);
	}
	if (result == SIGNIN_THROTTLED)
		audit(attempt, "throttled",
		    attempt->device != NULL ? "device" : NULL);
	return result;
}
