/*
 * The records are filed under MACs of what they are about, by a secret that
 * is a record itself: a stranger who picks names and addresses can neither
 * choose their places in the hash table nor tell which accounts share one.
 * It was not put beside the store, as the users' is: this store is worth
 * little enough to be thrown away, as one directory.
 */
#include "auth/throttle.h"

#include "auth/throttle_impl.h"

#include <stdlib.h>
#include <string.h>

#define STORE_DIR "throttle"
#define DIR_MODE 0700
/*
 * Refused, guessing would not be slowed down: where others can only read that
 * is the worse of the two.
 */
#define FORBIDDEN_MODE 0022
#define SECRET_CHARS CRYPTO_B64_LEN(CRYPTO_KEY_BYTES)

static const char prefixes[THROTTLE_KINDS] = {
    [THROTTLE_NAME] = 'n',
    [THROTTLE_ADDRESS] = 'a',
    [THROTTLE_DEVICE] = 'd',
};

/* --- making and opening ------------------------------------------------- */

enum store_err
throttle_create(const char *dir, struct buf *error)
{
	struct buf path = BUF_INIT;
	enum store_err err = STORE_NOMEM;

	if (buf_printf(&path, "%s/" STORE_DIR, dir) == 0)
		err = store_create(buf_str(&path), DIR_MODE, error);
	buf_fini(&path);
	return err;
}

enum store_err
throttle_impl_secret(struct throttle *t)
{
	enum store_err err = store_get(t->store, THROTTLE_SECRET_KEY,
	    strlen(THROTTLE_SECRET_KEY), &t->value);

	if (err == STORE_OK &&
	    crypto_b64_decode(
		t->value.data, t->value.len, t->secret, sizeof(t->secret)) != 0)
		return STORE_CORRUPT;
	return err;
}

/* In a transaction, which it ends. */
static enum store_err
put_secret(struct throttle *t)
{
	char text[SECRET_CHARS + 1];

	crypto_random(t->secret, sizeof(t->secret));
	crypto_b64_encode(t->secret, sizeof(t->secret), text, sizeof(text));
	enum store_err err = store_put(t->store, THROTTLE_SECRET_KEY,
	    strlen(THROTTLE_SECRET_KEY), text, SECRET_CHARS);
	crypto_wipe(text, sizeof(text));
	if (err == STORE_OK)
		return store_publish(t->store);
	store_abort(t->store);
	return err;
}

/* Found, or made by the first writer who finds none. */
static enum store_err
ensure_secret(struct throttle *t, bool is_writer)
{
	enum store_err err = throttle_impl_secret(t);

	if (err != STORE_NOTFOUND)
		return err;
	/* Then there is nothing that could be filed under it. */
	if (!is_writer)
		return STORE_OK;
	err = store_begin(t->store);
	if (err != STORE_OK)
		return err;
	err = throttle_impl_secret(t);
	if (err == STORE_NOTFOUND)
		return put_secret(t);
	store_abort(t->store);
	return err;
}

enum store_err
throttle_open(const char *dir, bool is_writer, int lock_wait_ms,
    const struct clock *clock, struct throttle **out, struct buf *error)
{
	struct buf path = BUF_INIT;
	enum store_err err = STORE_NOMEM;
	struct throttle *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (t == NULL || buf_printf(&path, "%s/" STORE_DIR, dir) != 0) {
		buf_puts(error, store_strerror(err));
		goto fail;
	}
	t->clock = clock;
	t->records_max = THROTTLE_RECORDS_MAX;
	const struct store_opts opts = {
	    .dir = buf_str(&path),
	    .is_writer = is_writer,
	    .has_sync = false,
	    .lock_wait_ms = lock_wait_ms,
	    .forbidden_mode = FORBIDDEN_MODE,
	};
	err = store_open(&opts, &t->store, error);
	if (err == STORE_OK) {
		err = ensure_secret(t, is_writer);
		if (err != STORE_OK)
			buf_printf(error, "%s: %s", buf_str(&path),
			    store_detail(t->store));
	}
	/* It is in no backup, so the store's own advice would not help. */
	if (err == STORE_CORRUPT) {
		buf_reset(error);
		buf_printf(error,
		    "%s: damaged; remove the directory, login.fcgi makes "
		    "another",
		    buf_str(&path));
	}
	if (err != STORE_OK)
		goto fail;
	buf_fini(&path);
	*out = t;
	return STORE_OK;
fail:
	buf_fini(&path);
	throttle_close(t);
	return err;
}

void
throttle_close(struct throttle *t)
{
	if (t == NULL)
		return;
	store_close(t->store);
	crypto_wipe(t->secret, sizeof(t->secret));
	buf_fini(&t->value);
	free(t);
}

const char *
throttle_detail(const struct throttle *t)
{
	return store_detail(t->store);
}

struct store *
throttle_store(struct throttle *t)
{
	return t->store;
}

/* --- keys and values ---------------------------------------------------- */

static void
make_key(const struct throttle *t, enum throttle_kind kind, const void *bytes,
    size_t n, char key[static THROTTLE_KEY_SIZE])
{
	uint8_t mac[CRYPTO_MAC_BYTES];

	/* The kinds' inputs may be alike; their prefixes keep them apart. */
	crypto_hmac(t->secret, bytes, n, mac);
	key[0] = prefixes[kind];
	key[1] = ':';
	crypto_hex(mac, sizeof(mac), key + 2, THROTTLE_KEY_SIZE - 2);
}

int
throttle_impl_name_key(const struct throttle *t, const char *name,
    char key[static THROTTLE_KEY_SIZE])
{
	char fold[NAME_FOLD_SIZE];

	if (name_fold(name, fold) != NAME_OK)
		return -1;
	make_key(t, THROTTLE_NAME, fold, strlen(fold), key);
	return 0;
}

void
throttle_impl_net_key(const struct throttle *t, const char *net,
    char key[static THROTTLE_KEY_SIZE])
{
	make_key(t, THROTTLE_ADDRESS, net, strlen(net), key);
}

int
throttle_impl_device_key(const struct throttle *t,
    const struct throttle_who *who, char key[static THROTTLE_KEY_SIZE])
{
	uint8_t bytes[TOKEN_ID_BYTES + NAME_FOLD_SIZE];
	char *fold = (char *)bytes + TOKEN_ID_BYTES;

	if (name_fold(who->name, fold) != NAME_OK)
		return -1;
	memcpy(bytes, who->device, TOKEN_ID_BYTES);
	make_key(t, THROTTLE_DEVICE, bytes, TOKEN_ID_BYTES + strlen(fold), key);
	return 0;
}

enum throttle_kind
throttle_impl_kind(const void *key, size_t key_len)
{
	const char *p = key;

	for (int kind = 0; kind < THROTTLE_KINDS; kind++)
		if (key_len == THROTTLE_KEY_LEN && p[0] == prefixes[kind] &&
		    p[1] == ':')
			return (enum throttle_kind)kind;
	return THROTTLE_KINDS;
}

int
throttle_impl_read(enum throttle_kind kind, const void *value, size_t value_len,
    int64_t now_s, struct record_throttle *out, bool *is_back)
{
	const struct throttle_policy *p = throttle_policy_of(kind);

	if (record_get_throttle(value, value_len, out) != 0 ||
	    !throttle_policy_is_sane(p, &out->state))
		return -1;
	*is_back = throttle_policy_age(p, &out->state, now_s);
	return 0;
}

bool
throttle_impl_is_forgotten(const struct throttle_state *s, int64_t now_s)
{
	return s->fails == 0 && throttle_policy_wait_s(s, now_s) == 0;
}
