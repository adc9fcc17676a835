/*
 * How sessions end: by a delete each and nothing else, so that a disk that
 * is full keeps nobody in. The list of a user's sessions is cleaned later.
 */
#include "auth/sessions.h"

#include "auth/sessions_impl.h"
#include "auth/sessions_index.h"

#include <string.h>

/* Deletes in one record of the journal, which has its bounds. */
#define BATCH_MAX 4096

enum store_err
sessions_end(struct sessions *s, const char *key)
{
	if (!sessions_is_key(key, strlen(key)))
		return STORE_INVALID;
	enum store_err err = store_begin(s->store);
	if (err != STORE_OK)
		return err;
	err = store_get(s->store, key, SESSIONS_KEY_LEN, NULL);
	if (err == STORE_OK)
		err = store_del(s->store, key, SESSIONS_KEY_LEN);
	if (err == STORE_OK)
		return store_commit(s->store);
	store_abort(s->store);
	return err;
}

struct ending {
	struct sessions *s;
	const char *keep;
	sessions_test *test;
	void *test_arg;
	struct buf keys; /* SESSIONS_KEY_LEN bytes each */
};

static int
collect(struct ending *e, const char *key)
{
	if (e->keep != NULL && memcmp(key, e->keep, SESSIONS_KEY_LEN) == 0)
		return 0;
	return buf_append(&e->keys, key, SESSIONS_KEY_LEN);
}

static int
collect_any(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)value;
	(void)value_len;
	return sessions_is_key(key, key_len) ? collect(arg, key) : 0;
}

static int
collect_tested(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct ending *e = arg;
	struct record_session r;

	if (!sessions_is_key(key, key_len))
		return 0;
	bool is_good = record_get_session(value, value_len, &r) == 0;
	return e->test(e->test_arg, is_good ? &r : NULL) ? collect(e, key) : 0;
}

static enum store_err
collect_user(struct ending *e, const char *head, bool *is_list_damaged)
{
	struct buf all = BUF_INIT;
	enum store_err err =
	    sessions_collect_user(e->s, head, &all, is_list_damaged);

	for (size_t at = 0; err == STORE_OK && at < all.len;
	     at += SESSIONS_KEY_LEN)
		if (collect(e, all.data + at) != 0)
			err = STORE_NOMEM;
	buf_fini(&all);
	return err;
}

/*
 * A list of one session in place of a damaged one, with which its user could
 * not sign in again. Of a session that has ended meanwhile there is no list.
 */
static enum store_err
list_alone(struct sessions *s, const char *head, const char *key)
{
	struct record_session r;
	struct buf value = BUF_INIT;
	enum store_err err = store_get(s->store, key, SESSIONS_KEY_LEN, &value);

	if (err == STORE_OK &&
	    record_get_session(buf_str(&value), value.len, &r) != 0)
		err = STORE_NOTFOUND;
	buf_fini(&value);
	if (err != STORE_OK)
		return err == STORE_NOTFOUND ? STORE_OK : err;
	store_use_reserve(s->store);
	return sessions_index_add(s->store, head, key, r.expires_s);
}

/*
 * In a transaction, which it ends. More than fits into one record of the
 * journal goes into several: what is begun in between was not there when
 * this was called.
 */
static enum store_err
end_collected(struct sessions *s, const struct buf *keys, size_t *ended)
{
	enum store_err err = STORE_OK;
	size_t in_batch = 0;

	for (size_t at = 0; at < keys->len; at += SESSIONS_KEY_LEN) {
		if (in_batch == BATCH_MAX) {
			err = store_publish(s->store);
			if (err == STORE_OK)
				err = store_begin(s->store);
			if (err != STORE_OK)
				return err;
			in_batch = 0;
		}
		err = store_del(s->store, keys->data + at, SESSIONS_KEY_LEN);
		if (err != STORE_OK) {
			store_abort(s->store);
			return err;
		}
		in_batch++;
	}
	err = store_commit(s->store);
	if (err == STORE_OK && ended != NULL)
		*ended = keys->len / SESSIONS_KEY_LEN;
	return err;
}

enum store_err
sessions_end_user(
    struct sessions *s, const char *user, const char *keep, size_t *ended)
{
	struct ending e = {.s = s, .keep = keep, .keys = BUF_INIT};
	char head[SESSIONS_INDEX_SIZE];
	bool is_list_damaged;

	if (ended != NULL)
		*ended = 0;
	if ((user != NULL && sessions_index_of(user, head) != 0) ||
	    (keep != NULL && !sessions_is_key(keep, strlen(keep))))
		return STORE_INVALID;
	enum store_err err = store_begin(s->store);
	if (err != STORE_OK)
		return err;
	if (user == NULL) {
		err = store_each(s->store, collect_any, &e);
	} else {
		err = collect_user(&e, head, &is_list_damaged);
		/*
		 * With one left its list must stay, and also where it takes
		 * several transactions: a kill in between must leave the rest
		 * to be found, and what is begun in between.
		 */
		bool is_one_txn = e.keys.len <= BATCH_MAX * SESSIONS_KEY_LEN;
		if (err == STORE_OK && is_one_txn &&
		    (keep == NULL || is_list_damaged))
			err = sessions_index_del(s->store, head);
		if (err == STORE_OK && is_one_txn && keep != NULL &&
		    is_list_damaged)
			err = list_alone(s, head, keep);
	}
	if (err == STORE_OK && e.keys.has_failed)
		err = STORE_NOMEM;
	if (err == STORE_OK)
		err = end_collected(s, &e.keys, ended);
	else
		store_abort(s->store);
	buf_fini(&e.keys);
	return err;
}

enum store_err
sessions_end_if(
    struct sessions *s, sessions_test *test, void *arg, size_t *ended)
{
	struct ending e = {
	    .s = s, .test = test, .test_arg = arg, .keys = BUF_INIT};

	*ended = 0;
	enum store_err err = store_begin(s->store);
	if (err != STORE_OK)
		return err;
	err = store_each(s->store, collect_tested, &e);
	if (err == STORE_OK && e.keys.has_failed)
		err = STORE_NOMEM;
	if (err == STORE_OK)
		err = end_collected(s, &e.keys, ended);
	else
		store_abort(s->store);
	buf_fini(&e.keys);
	return err;
}

/* --- upkeep ------------------------------------------------------------- */

static bool
is_dropped(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	int64_t now_s = *(const int64_t *)arg;
	struct record_session r;

	if (!sessions_is_key(key, key_len))
		return sessions_index_is_dead(
		    key, key_len, value, value_len, now_s);
	return record_get_session(value, value_len, &r) == 0 &&
	    sessions_is_over(&r, now_s);
}

/* Activity may have come since: looked at again under the lock. */
static enum store_err
end_expired(struct sessions *s)
{
	enum store_err err = store_begin_within(s->store, 0);
	if (err != STORE_OK)
		return err;
	for (size_t i = 0; err == STORE_OK && i < s->expired_n; i++) {
		const char *key = s->expired[i].key;
		if (sessions_recheck(s, key, NULL) == SESSIONS_EXPIRED)
			err = store_del(s->store, key, SESSIONS_KEY_LEN);
	}
	if (err == STORE_OK)
		err = store_publish(s->store);
	else
		store_abort(s->store);
	if (err == STORE_OK)
		s->expired_n = 0;
	return err;
}

enum store_err
sessions_checkpoint(struct sessions *s)
{
	int64_t now_s = clock_wall_s(s->clock);

	return store_checkpoint(s->store, is_dropped, &now_s);
}

enum store_err
sessions_maintain(struct sessions *s)
{
	enum store_err err = STORE_OK;

	if (s->expired_n > 0)
		err = end_expired(s);
	if (err == STORE_OK && store_may_checkpoint(s->store))
		err = sessions_checkpoint(s);
	/* Another process writes or is at it: next time, then. */
	return err == STORE_BUSY ? STORE_OK : err;
}
