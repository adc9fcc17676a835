/*
 * One try. What it counts against is read, and changed as a whole, under the
 * writer's lock; only those who have to wait are told so without it.
 */
#include "auth/throttle.h"

#include "auth/address.h"
#include "auth/throttle_impl.h"

#include <string.h>

#define GIVE_BACK_WAIT_MS 100 /* it was free a moment ago */

/* What it counts against, with what is known of that. */
struct count {
	enum throttle_kind kind;
	char key[THROTTLE_KEY_SIZE];
	struct record_throttle record;
	bool is_back; /* the clock was set back since it was written */
};

static size_t
find_counts(const struct throttle *t, const struct throttle_who *who,
    struct count counts[static THROTTLE_COUNTS_MAX])
{
	struct count *c = counts;
	char net[ADDRESS_NETWORK_SIZE];

	memset(counts, 0, THROTTLE_COUNTS_MAX * sizeof(counts[0]));
	if (who->name != NULL && who->device != NULL &&
	    throttle_impl_device_key(t, who, c->key) == 0) {
		c->kind = THROTTLE_DEVICE;
		memcpy(c->record.who, who->name, strlen(who->name));
		return 1;
	}
	if (who->name != NULL &&
	    throttle_impl_name_key(t, who->name, c->key) == 0) {
		c->kind = THROTTLE_NAME;
		memcpy(c->record.who, who->name, strlen(who->name));
		c++;
	}
	if (address_network(who->address, net)) {
		throttle_impl_net_key(t, net, c->key);
		c->kind = THROTTLE_ADDRESS;
		memcpy(c->record.who, net, strlen(net));
		c++;
	}
	return (size_t)(c - counts);
}

/* A damaged record is as good as none, and is written over. */
static enum store_err
read_count(struct throttle *t, struct count *c, int64_t now_s)
{
	struct record_throttle found;
	enum store_err err =
	    store_get(t->store, c->key, THROTTLE_KEY_LEN, &t->value);

	if (err == STORE_OK &&
	    throttle_impl_read(c->kind, t->value.data, t->value.len, now_s,
		&found, &c->is_back) == 0)
		c->record.state = found.state;
	else
		c->record.state.since_s = now_s;
	return err == STORE_NOTFOUND ? STORE_OK : err;
}

/* The longest wait of all. */
static enum store_err
read_counts(struct throttle *t, struct count *counts, size_t n, int64_t now_s,
    int64_t *wait_s)
{
	*wait_s = 0;
	for (size_t i = 0; i < n; i++) {
		enum store_err err = read_count(t, &counts[i], now_s);
		if (err != STORE_OK)
			return err;
		int64_t wait =
		    throttle_policy_wait_s(&counts[i].record.state, now_s);
		if (wait > *wait_s)
			*wait_s = wait;
	}
	return STORE_OK;
}

static enum store_err
put_count(struct throttle *t, const struct count *c)
{
	buf_reset(&t->value);
	if (record_put_throttle(&c->record, &t->value) != 0)
		return STORE_NOMEM;
	return store_put(
	    t->store, c->key, THROTTLE_KEY_LEN, t->value.data, t->value.len);
}

/* In a transaction that has just begun, unless that failed. */
static enum store_err
find_in_txn(struct throttle *t, enum store_err begun,
    const struct throttle_who *who,
    struct count counts[static THROTTLE_COUNTS_MAX], size_t *n)
{
	if (begun != STORE_OK)
		return begun;
	enum store_err err = throttle_impl_secret(t);
	if (err == STORE_OK)
		*n = find_counts(t, who, counts);
	else
		store_abort(t->store);
	return err;
}

/* Ends the transaction. */
static enum store_err
finish(struct throttle *t, enum store_err err)
{
	if (err == STORE_OK)
		return store_publish(t->store);
	store_abort(t->store);
	return err;
}

enum store_err
throttle_wait_s(
    struct throttle *t, const struct throttle_who *who, int64_t *wait_s)
{
	struct count counts[THROTTLE_COUNTS_MAX];
	enum store_err err = throttle_impl_secret(t);

	*wait_s = 0;
	if (err != STORE_OK)
		return err;
	size_t n = find_counts(t, who, counts);
	err = read_counts(t, counts, n, clock_wall_s(t->clock), wait_s);

	/* After the clock was set back, throttle_take has something to keep. */
	for (size_t i = 0; i < n; i++)
		if (counts[i].is_back)
			*wait_s = 0;
	return err;
}

enum store_err
throttle_take(struct throttle *t, struct throttle_who *who, int64_t *wait_s)
{
	struct count counts[THROTTLE_COUNTS_MAX];
	size_t n = 0;
	int64_t now_s = clock_wall_s(t->clock);
	enum store_err err =
	    find_in_txn(t, store_begin(t->store), who, counts, &n);

	*wait_s = 0;
	if (err != STORE_OK)
		return err;
	err = read_counts(t, counts, n, now_s, wait_s);
	for (size_t i = 0; i < n && err == STORE_OK; i++) {
		struct count *c = &counts[i];
		if (*wait_s == 0) {
			throttle_policy_count(throttle_policy_of(c->kind),
			    &c->record.state, now_s);
			who->until_s[i] = c->record.state.until_s;
		}
		if (*wait_s == 0 || c->is_back)
			err = put_count(t, c);
	}
	return finish(t, err);
}

/* is_right: the password was, so more than this try is forgotten. */
static enum store_err
take_back(struct throttle *t, const struct throttle_who *who, bool is_right)
{
	struct count counts[THROTTLE_COUNTS_MAX];
	size_t n = 0;
	int64_t now_s = clock_wall_s(t->clock);
	int64_t wait_s;
	enum store_err err = find_in_txn(t,
	    store_begin_within(t->store, GIVE_BACK_WAIT_MS), who, counts, &n);

	if (err != STORE_OK)
		return err;
	err = read_counts(t, counts, n, now_s, &wait_s);
	for (size_t i = 0; i < n && err == STORE_OK; i++) {
		struct count *c = &counts[i];
		throttle_policy_take_back(
		    &c->record.state, who->until_s[i], now_s);
		bool is_forgiven = is_right && c->kind != THROTTLE_ADDRESS;
		if (!is_forgiven &&
		    !throttle_impl_is_forgotten(&c->record.state, now_s))
			err = put_count(t, c);
		else
			err = store_del(t->store, c->key, THROTTLE_KEY_LEN);
	}
	return finish(t, err);
}

enum store_err
throttle_give_back(struct throttle *t, const struct throttle_who *who)
{
	return take_back(t, who, true);
}

enum store_err
throttle_undo(struct throttle *t, const struct throttle_who *who)
{
	return take_back(t, who, false);
}
