/*
 * Turned away first, at little cost; then a slot; then the try is counted,
 * and only then a password is looked at. So no more tries are counted than
 * are under way, and any number at once get as many as the same number in
 * turn.
 */
#include "fcgi-app/verify.h"

#include "auth/crypto.h"
#include "auth/name.h"
#include "base/log.h"

struct password_cost
verify_cost(const struct app *a)
{
	return (struct password_cost){
	    .memory_kib = a->config->login.argon2_memory_kib,
	    .passes = a->config->login.argon2_passes,
	};
}

/* --- throttling --------------------------------------------------------- */

/*
 * A throttle store that cannot be used slows nobody down: passwords are still
 * hashed one slot at a time, and a damaged file must not lock everybody out.
 * That another process holds its lock passes by itself and is no such thing.
 */
static enum verify_result
throttle_failed(struct app *a, const char *what, enum store_err err)
{
	stores_throttle_failed(&a->stores, what, err);
	return err == STORE_BUSY ? VERIFY_BUSY : VERIFY_OK;
}

static struct throttle *
throttle_of(struct app *a)
{
	return a->config->login.throttle ? stores_throttle(&a->stores) : NULL;
}

/* Before anything is spent on the try. VERIFY_OK: go on. */
static enum verify_result
look_at_throttle(struct app *a, const struct throttle_who *who, int64_t *wait_s)
{
	struct throttle *t = throttle_of(a);

	*wait_s = 0;
	if (t == NULL)
		return VERIFY_OK;
	enum store_err err = throttle_wait_s(t, who, wait_s);
	if (err != STORE_OK)
		return throttle_failed(a, "read", err);
	return *wait_s > 0 ? VERIFY_THROTTLED : VERIFY_OK;
}

/* Before the password is looked at. VERIFY_OK: go on. */
static enum verify_result
count_try(struct app *a, struct throttle_who *who, int64_t *wait_s)
{
	struct throttle *t = throttle_of(a);

	if (t == NULL)
		return VERIFY_OK;
	enum store_err err = throttle_take(t, who, wait_s);
	if (err != STORE_OK)
		return throttle_failed(a, "count", err);
	return *wait_s > 0 ? VERIFY_THROTTLED : VERIFY_OK;
}

typedef enum store_err
taking_back(struct throttle *t, const struct throttle_who *who);

/* throttle_give_back or throttle_undo; a try that stays counted is no harm. */
static void
take_back(struct app *a, const struct throttle_who *who, taking_back *fn)
{
	struct throttle *t = throttle_of(a);

	if (t == NULL)
		return;
	enum store_err err = fn(t, who);
	if (err != STORE_OK)
		throttle_failed(a, "forget", err);
}

/* --- one try ------------------------------------------------------------ */

/*
 * A missing user costs a comparison too, so that the answer's time does not
 * tell who exists.
 */
static enum password_err
compare(const struct app *a, const struct verify *v, bool is_known)
{
	const struct password_cost cost = verify_cost(a);
	enum password_err err = password_verify(is_known ? v->user.hash : NULL,
	    v->password, v->password_len, &cost);

	if (err == PASSWORD_UNUSABLE) {
		log_warn("user %s: the stored password hash is unusable; "
			 "set a new password",
		    v->user.name);
		err =
		    password_verify(NULL, v->password, v->password_len, &cost);
	}
	return err;
}

static enum verify_result
look_at_password(struct app *a, struct verify *v, struct throttle_who *who)
{
	struct users *users = stores_users(&a->stores);
	enum store_err err = STORE_NOTFOUND;

	if (users == NULL)
		return VERIFY_STORE;
	if (who->name != NULL)
		err = users_get(users, who->name, &v->user);
	if (err != STORE_OK && err != STORE_NOTFOUND) {
		stores_users_failed(&a->stores, "read", err);
		return VERIFY_STORE;
	}
	enum verify_result result = count_try(a, who, &v->wait_s);
	if (result != VERIFY_OK)
		return result;
	bool is_known = err == STORE_OK;
	switch (compare(a, v, is_known)) {
	case PASSWORD_OK:
		if (v->user.is_locked)
			return VERIFY_LOCKED;
		take_back(a, who, throttle_give_back);
		return VERIFY_OK;
	case PASSWORD_NOMEM:
		log_err("no memory for a password hash");
		take_back(a, who, throttle_undo);
		return VERIFY_BUSY;
	default:
		return is_known ? VERIFY_WRONG : VERIFY_UNKNOWN;
	}
}

enum verify_result
verify_begin(struct app *a, struct verify *v)
{
	char name[NAME_SIZE];
	struct throttle_who who = {
	    .name = name,
	    .address = v->address,
	    .device = v->device,
	};

	v->slot = -1;
	if (name_canonical(v->name, v->name_len, name) != NAME_OK)
		who.name = NULL;
	enum verify_result result = look_at_throttle(a, &who, &v->wait_s);
	if (result != VERIFY_OK)
		return result;
	v->slot = app_take_slot(a);
	if (v->slot == -1)
		return VERIFY_BUSY;
	return look_at_password(a, v, &who);
}

void
verify_end(struct app *a, struct verify *v)
{
	if (v->slot != -1)
		slots_release(a->slots, v->slot);
	v->slot = -1;
	crypto_wipe(&v->user, sizeof(v->user));
}
