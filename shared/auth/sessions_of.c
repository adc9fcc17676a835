/*
 * Which sessions a user has: by his list, whose entries may be of sessions
 * that are over, and where it is damaged by what each session says of itself.
 */
#include "auth/sessions.h"

#include "auth/sessions_impl.h"
#include "auth/sessions_index.h"

#include <string.h>

struct collecting {
	struct sessions *s;
	const char *head;
	struct buf *keys;
};

static enum store_err
collect_entry(void *arg, const char *key)
{
	struct collecting *c = arg;
	enum store_err err =
	    store_get(c->s->store, key, SESSIONS_KEY_LEN, NULL);

	if (err == STORE_NOTFOUND)
		return STORE_OK;
	if (err == STORE_OK && buf_append(c->keys, key, SESSIONS_KEY_LEN) != 0)
		return STORE_NOMEM;
	return err;
}

static int
collect_owned(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct collecting *c = arg;
	struct record_session r;
	char head[SESSIONS_INDEX_SIZE];

	if (!sessions_is_key(key, key_len) ||
	    record_get_session(value, value_len, &r) != 0 ||
	    sessions_index_of(r.user, head) != 0 || strcmp(head, c->head) != 0)
		return 0;
	return buf_append(c->keys, key, SESSIONS_KEY_LEN);
}

enum store_err
sessions_collect_user(struct sessions *s, const char *head, struct buf *keys,
    bool *is_list_damaged)
{
	struct collecting c = {s, head, keys};
	enum store_err err =
	    sessions_index_each(s->store, head, collect_entry, &c);

	*is_list_damaged = err == STORE_CORRUPT;
	if (err != STORE_CORRUPT)
		return err;
	buf_reset(keys);
	err = store_each(s->store, collect_owned, &c);
	return err == STORE_OK && keys->has_failed ? STORE_NOMEM : err;
}

enum store_err
sessions_each_of(
    struct sessions *s, const char *user, sessions_visit *visit, void *arg)
{
	struct buf keys = BUF_INIT;
	char head[SESSIONS_INDEX_SIZE], key[SESSIONS_KEY_SIZE];
	struct record_session r;
	bool is_list_damaged;

	if (sessions_index_of(user, head) != 0)
		return STORE_INVALID;
	enum store_err err =
	    sessions_collect_user(s, head, &keys, &is_list_damaged);
	for (size_t at = 0; err == STORE_OK && at < keys.len;
	     at += SESSIONS_KEY_LEN) {
		memcpy(key, keys.data + at, SESSIONS_KEY_LEN);
		key[SESSIONS_KEY_LEN] = '\0';
		switch (sessions_recheck(s, key, &r)) {
		case SESSIONS_VALID:
			if (visit(arg, key, &r) != 0)
				goto out;
			break;
		case SESSIONS_UNAVAILABLE:
			err = sessions_failure(s);
			break;
		default:
			break;
		}
	}
out:
	buf_fini(&keys);
	return err;
}
