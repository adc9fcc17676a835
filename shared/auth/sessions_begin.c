/*
 * How a session begins and goes on. A login takes two locks, the users' and
 * then the sessions', for some microseconds: long enough that an account
 * locked at the same moment is either seen here or finds the session.
 */
#include "auth/sessions.h"

#include "auth/crypto.h"
#include "auth/sessions_impl.h"
#include "auth/sessions_index.h"

#include <string.h>

/* Activity is written every tenth of the idle lifetime, or hourly. */
#define TOUCH_DIVISOR 10
#define TOUCH_UNLIMITED_S ((int64_t)60 * 60)

struct oldest {
	struct sessions *s;
	int64_t living;
	int64_t to_end; /* second pass: how many of the oldest */
};

/* Of the session of an index entry: is it there? */
static enum store_err
count_living(void *arg, const char *key)
{
	struct oldest *o = arg;
	enum store_err err =
	    store_get(o->s->store, key, SESSIONS_KEY_LEN, &o->s->value);

	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err != STORE_OK)
		return err;
	struct record_session r;
	/* What is expired or damaged takes no place, and goes. */
	if (record_get_session(o->s->value.data, o->s->value.len, &r) != 0 ||
	    sessions_is_over(&r, clock_wall_s(o->s->clock)))
		return store_del(o->s->store, key, SESSIONS_KEY_LEN);
	o->living++;
	return STORE_OK;
}

static enum store_err
end_oldest(void *arg, const char *key)
{
	struct oldest *o = arg;

	if (o->to_end <= 0)
		return STORE_OK;
	enum store_err err =
	    store_get(o->s->store, key, SESSIONS_KEY_LEN, NULL);
	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err == STORE_OK)
		err = store_del(o->s->store, key, SESSIONS_KEY_LEN);
	o->to_end--;
	return err;
}

/* Makes room for one more. */
static enum store_err
enforce_cap(struct sessions *s, const char *head, int64_t cap)
{
	struct oldest o = {s, 0, 0};
	enum store_err err =
	    sessions_index_each(s->store, head, count_living, &o);

	if (err != STORE_OK || o.living < cap)
		return err;
	o.to_end = o.living - cap + 1;
	return sessions_index_each(s->store, head, end_oldest, &o);
}

/* As much as fits, cut at a character. */
static void
copy_agent(const char *from, char out[static RECORD_AGENT_SIZE])
{
	size_t n = strnlen(from, RECORD_AGENT_SIZE);

	if (n == RECORD_AGENT_SIZE) {
		n--;
		while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(out, from, n);
	out[n] = '\0';
}

static int
make_record(const struct sessions_new *new, const char *user, int64_t now_s,
    struct record_session *r)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->user, user, strlen(user));
	r->created_s = r->seen_s = now_s;
	r->idle_s = new->idle_s;
	if (new->absolute_s > 0)
		r->expires_s = now_s + new->absolute_s;
	if (strlen(new->address) >= sizeof(r->address))
		return -1;
	memcpy(r->address, new->address, strlen(new->address));
	if (new->agent != NULL)
		copy_agent(new->agent, r->agent);
	return 0;
}

/* In both transactions; s->value is free to be used. */
static enum store_err
put_session(struct sessions *s, const struct sessions_new *new,
    const char *user, const char *key)
{
	struct record_session r;
	char head[SESSIONS_INDEX_SIZE];
	enum store_err err = STORE_OK;

	if (make_record(new, user, clock_wall_s(s->clock), &r) != 0 ||
	    sessions_index_of(user, head) != 0)
		return STORE_INVALID;
	if (new->cap > 0)
		err = enforce_cap(s, head, new->cap);
	if (err != STORE_OK)
		return err;
	buf_reset(&s->value);
	if (record_put_session(&r, &s->value) != 0)
		return s->value.has_failed ? STORE_NOMEM : STORE_INVALID;
	err = store_put(
	    s->store, key, SESSIONS_KEY_LEN, s->value.data, s->value.len);
	if (err == STORE_OK)
		err = sessions_index_add(s->store, head, key, r.expires_s);
	return err;
}

enum store_err
sessions_begin(struct sessions *s, struct users *u,
    const struct sessions_new *new, const char *expect_hash,
    char token[static TOKEN_SIZE])
{
	struct record_user user;
	uint8_t id[TOKEN_ID_BYTES];
	char key[SESSIONS_KEY_SIZE];

	token[0] = '\0';
	s->has_users_failed = false;
	const struct keyring *ring = sessions_keyring(s);
	if (s->is_ring_bad)
		return STORE_DENIED;
	crypto_random(id, sizeof(id));
	sessions_key_of(id, key);
	/* One wait for both locks. */
	int64_t start_ms = clock_mono_ms(s->clock);
	enum store_err err = users_begin(u);
	s->has_users_failed = err != STORE_OK;
	if (err != STORE_OK)
		return err;
	err = users_get(u, new->user, &user);
	s->has_users_failed = err != STORE_OK;
	if (err == STORE_OK &&
	    (user.is_locked || strcmp(user.hash, expect_hash) != 0))
		err = STORE_NOTFOUND;
	if (err == STORE_OK) {
		int64_t waited_ms = clock_mono_ms(s->clock) - start_ms;
		err = store_begin_within(s->store,
		    waited_ms < s->lock_wait_ms
			? s->lock_wait_ms - (int)waited_ms
			: 0);
	}
	if (err == STORE_OK) {
		err = put_session(s, new, user.name, key);
		if (err == STORE_OK)
			err = store_publish(s->store);
		else
			store_abort(s->store);
	}
	crypto_wipe(&user, sizeof(user));
	users_abort(u); /* nothing was changed there: frees the lock */
	if (err == STORE_OK)
		err = store_sync(s->store);
	if (err == STORE_OK)
		token_make(ring, TOKEN_SESSION, id, token);
	crypto_wipe(id, sizeof(id));
	return err;
}

bool
sessions_have_users_failed(const struct sessions *s)
{
	return s->has_users_failed;
}

enum store_err
sessions_touch(struct sessions *s, const char *key)
{
	struct record_session r;
	bool is_late = false;
	enum store_err err = STORE_OK;

	/* First without the lock: mostly there is nothing to write. */
	for (int pass = 0; pass < 2; pass++) {
		switch (sessions_recheck(s, key, &r)) {
		case SESSIONS_VALID:
			break;
		case SESSIONS_UNAVAILABLE:
			err = sessions_failure(s);
			goto out;
		default:
			err = STORE_NOTFOUND;
			goto out;
		}
		int64_t now_s = clock_wall_s(s->clock);
		int64_t step_s =
		    r.idle_s > 0 ? r.idle_s / TOUCH_DIVISOR : TOUCH_UNLIMITED_S;
		if (now_s <= r.seen_s || now_s - r.seen_s < step_s)
			goto out;
		if (pass == 0) {
			err = store_begin_within(s->store, 0);
			if (err != STORE_OK)
				return err;
			is_late = true;
			continue;
		}
		r.seen_s = now_s;
	}
	buf_reset(&s->value);
	if (record_put_session(&r, &s->value) != 0)
		err = STORE_NOMEM;
	else
		err = store_put(s->store, key, SESSIONS_KEY_LEN, s->value.data,
		    s->value.len);
	if (err == STORE_OK)
		return store_publish(s->store);
out:
	if (is_late)
		store_abort(s->store);
	return err;
}
