/*
 * The store as an administrator sees it, and how it stays bounded.
 *
 * A guesser with many names and addresses makes a record with each try, so
 * there are limits by kind, and what goes beyond them is what has the fewest
 * failures. To push out an account with F of them takes THROTTLE_RECORDS_MAX
 * other accounts with as many, each made by a hashed password and within the
 * time in which F are forgotten: for an account that is being slowed down,
 * 200,000 hashes from 10,000 networks, to gain five tries. Between two
 * checkpoints the store grows by no more than the journal may.
 */
#include "auth/throttle.h"

#include "auth/address.h"
#include "auth/throttle_impl.h"

#include <string.h>

struct walk {
	throttle_visit *visit;
	void *arg;
	int64_t now_s;
};

static int
visit_value(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	const struct walk *w = arg;
	struct record_throttle r;
	enum throttle_kind kind = throttle_impl_kind(key, key_len);
	bool is_back;

	if (kind == THROTTLE_KINDS ||
	    throttle_impl_read(
		kind, value, value_len, w->now_s, &r, &is_back) != 0 ||
	    throttle_impl_is_forgotten(&r.state, w->now_s))
		return 0;
	return w->visit(w->arg, kind, &r);
}

enum store_err
throttle_each(struct throttle *t, throttle_visit *visit, void *arg)
{
	struct walk w = {visit, arg, clock_wall_s(t->clock)};

	return store_each(t->store, visit_value, &w);
}

bool
throttle_is_good(
    const void *key, size_t key_len, const void *value, size_t value_len)
{
	struct record_throttle r;
	uint8_t secret[CRYPTO_KEY_BYTES];
	enum throttle_kind kind = throttle_impl_kind(key, key_len);
	bool is_back;

	if (kind != THROTTLE_KINDS)
		return throttle_impl_read(
			   kind, value, value_len, 0, &r, &is_back) == 0;
	bool is_good = key_len == strlen(THROTTLE_SECRET_KEY) &&
	    memcmp(key, THROTTLE_SECRET_KEY, key_len) == 0 &&
	    crypto_b64_decode(value, value_len, secret, sizeof(secret)) == 0;
	crypto_wipe(secret, sizeof(secret));
	return is_good;
}

/* --- clear -------------------------------------------------------------- */

struct search {
	const char *fold; /* devices of this account */
	struct buf keys; /* THROTTLE_KEY_LEN bytes each */
};

static int
find_device(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct search *s = arg;
	struct record_throttle r;
	char fold[NAME_FOLD_SIZE];

	if (throttle_impl_kind(key, key_len) != THROTTLE_DEVICE ||
	    record_get_throttle(value, value_len, &r) != 0 ||
	    name_fold(r.who, fold) != NAME_OK || strcmp(fold, s->fold) != 0)
		return 0;
	return buf_append(&s->keys, key, key_len);
}

/* The keys of whatever goes by that name, there or not. */
static enum store_err
find_all(struct throttle *t, const char *what, struct buf *keys)
{
	char key[THROTTLE_KEY_SIZE], net[ADDRESS_NETWORK_SIZE];
	char name[NAME_SIZE], fold[NAME_FOLD_SIZE];
	struct search s = {fold, BUF_INIT};
	enum store_err err = STORE_OK;

	if (address_network(what, net)) {
		throttle_impl_net_key(t, net, key);
		buf_append(keys, key, THROTTLE_KEY_LEN);
	}
	/* An IPv4 address may be a name as well. */
	if (name_canonical(what, strlen(what), name) == NAME_OK &&
	    name_fold(name, fold) == NAME_OK &&
	    throttle_impl_name_key(t, name, key) == 0) {
		buf_append(keys, key, THROTTLE_KEY_LEN);
		err = store_each(t->store, find_device, &s);
		buf_append(keys, buf_str(&s.keys), s.keys.len);
		if (err == STORE_OK && s.keys.has_failed)
			err = STORE_NOMEM;
	}
	buf_fini(&s.keys);
	return err == STORE_OK && keys->has_failed ? STORE_NOMEM : err;
}

enum store_err
throttle_clear(struct throttle *t, const char *what, size_t *cleared)
{
	struct buf keys = BUF_INIT;

	*cleared = 0;
	enum store_err err = store_begin(t->store);
	if (err != STORE_OK)
		return err;
	err = throttle_impl_secret(t);
	if (err == STORE_OK)
		err = find_all(t, what, &keys);
	for (size_t at = 0; at < keys.len && err == STORE_OK;
	     at += THROTTLE_KEY_LEN) {
		const char *key = keys.data + at;
		err = store_get(t->store, key, THROTTLE_KEY_LEN, NULL);
		if (err == STORE_OK) {
			err = store_del(t->store, key, THROTTLE_KEY_LEN);
			++*cleared;
		} else if (err == STORE_NOTFOUND) {
			err = STORE_OK;
		}
	}
	if (err == STORE_OK)
		err = store_publish(t->store);
	else
		store_abort(t->store);
	buf_fini(&keys);
	return err;
}

/* --- checkpoints -------------------------------------------------------- */

#define LEVELS 32 /* more than any policy's fails_max */

struct census {
	int64_t now_s;
	uint64_t counts[THROTTLE_KINDS][LEVELS];
	int64_t floors[THROTTLE_KINDS];
};

static int
count_one(void *arg, enum throttle_kind kind, const struct record_throttle *r)
{
	struct census *c = arg;

	c->counts[kind][r->state.fails]++;
	return 0;
}

static bool
is_dropped(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	const struct census *c = arg;
	struct record_throttle r;
	enum throttle_kind kind = throttle_impl_kind(key, key_len);
	bool is_back;

	if (kind == THROTTLE_KINDS)
		return !throttle_is_good(key, key_len, value, value_len);
	return throttle_impl_read(
		   kind, value, value_len, c->now_s, &r, &is_back) != 0 ||
	    throttle_impl_is_forgotten(&r.state, c->now_s) ||
	    r.state.fails < c->floors[kind];
}

enum store_err
throttle_checkpoint(struct throttle *t)
{
	struct census c = {.now_s = clock_wall_s(t->clock)};
	enum store_err err = throttle_each(t, count_one, &c);

	if (err != STORE_OK)
		return err;
	for (int kind = 0; kind < THROTTLE_KINDS; kind++)
		c.floors[kind] = throttle_policy_floor(
		    c.counts[kind], LEVELS, t->records_max);
	return store_checkpoint(t->store, is_dropped, &c);
}

enum store_err
throttle_maintain(struct throttle *t)
{
	if (!store_may_checkpoint(t->store))
		return STORE_OK;
	enum store_err err = throttle_checkpoint(t);
	/* Another process is at it. */
	return err == STORE_BUSY ? STORE_OK : err;
}
