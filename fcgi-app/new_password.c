/*
 * The sessions end first, below the users' lock: no login can begin one in
 * between, and a kill leaves either the old password with some signed out or
 * the new one with all of them. The other way round it could leave a new
 * password, and the thief it was meant for still signed in.
 */
#include "fcgi-app/new_password.h"

#include <string.h>

static enum new_password_result
users_failed(struct app *a, struct users *users, enum store_err err)
{
	users_abort(users);
	stores_users_failed(&a->stores, "password", err);
	return NEW_PASSWORD_STORE;
}

/* *now: the record as it is then; the caller's to wipe, whatever comes. */
static enum new_password_result
set(struct app *a, const struct visitor *v, const struct record_user *user,
    const char *hash, struct record_user *now, size_t *ended)
{
	struct users *users = stores_users(&a->stores);
	struct sessions *sessions = stores_sessions(&a->stores);

	if (users == NULL || sessions == NULL)
		return NEW_PASSWORD_STORE;
	enum store_err err = users_begin(users);
	if (err != STORE_OK) {
		stores_users_failed(&a->stores, "password", err);
		return NEW_PASSWORD_STORE;
	}
	users_use_reserve(users);
	err = users_get(users, user->name, now);
	if (err == STORE_NOTFOUND ||
	    (err == STORE_OK &&
		(now->is_locked || strcmp(now->hash, user->hash) != 0))) {
		users_abort(users);
		return NEW_PASSWORD_CHANGED;
	}
	if (err == STORE_OK) {
		strcpy(now->hash, hash);
		now->changed_s = clock_wall_s(a->stores.clock);
		err = users_put(users, now);
	}
	if (err != STORE_OK)
		return users_failed(a, users, err);
	err = sessions_end_user(sessions, user->name, v->key, ended);
	if (err != STORE_OK) {
		users_abort(users);
		stores_sessions_failed(&a->stores, "password", err);
		return NEW_PASSWORD_STORE;
	}
	err = users_commit(users);
	if (err != STORE_OK) {
		stores_users_failed(&a->stores, "password", err);
		return NEW_PASSWORD_STORE;
	}
	return NEW_PASSWORD_OK;
}

enum new_password_result
new_password_set(struct app *a, const struct visitor *v,
    struct record_user *user, const char *hash, size_t *ended)
{
	struct record_user now;

	*ended = 0;
	enum new_password_result result = set(a, v, user, hash, &now, ended);
	if (result == NEW_PASSWORD_OK)
		*user = now;
	crypto_wipe(&now, sizeof(now));
	return result;
}
