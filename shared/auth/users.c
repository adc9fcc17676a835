/*
 * Who may log in. The keys of the store are MACs of the folded names, under
 * a secret that lies beside the store: a name that a stranger types can
 * neither choose its place in the hash table nor be looked for in a stolen
 * file's keys.
 */
#include "auth/users.h"

#include "auth/crypto.h"
#include "auth/users_impl.h"
#include "auth/users_secret.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define VALUE_ROOM 1536 /* of all that this program writes of a user */

/* --- making and opening ------------------------------------------------- */

/* After a restore the names may be filed under another secret. */
static void
note_change(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct users *u = arg;

	(void)key_len;
	(void)value;
	(void)value_len;
	if (key == NULL)
		u->is_secret_old = true;
}

enum store_err
users_open_store(
    struct users *u, bool is_writer, int64_t reserve_bytes, struct buf *error)
{
	const struct store_opts opts = {
	    .dir = u->dir,
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = u->lock_wait_ms,
	    .reserve_bytes = reserve_bytes,
	    .forbidden_mode = 0777 & ~USERS_DIR_MODE,
	};
	enum store_err err = store_open(&opts, &u->store, error);

	u->is_writer = is_writer;
	if (err == STORE_OK)
		store_set_observer(u->store, note_change, u);
	return err;
}

struct users *
users_new(const char *dir, int lock_wait_ms)
{
	struct users *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->lock_wait_ms = lock_wait_ms;
	if (asprintf(&u->dir, "%s/users", dir) == -1)
		u->dir = NULL;
	else if (asprintf(&u->secret_path, "%s/secret", u->dir) == -1)
		u->secret_path = NULL;
	if (u->secret_path != NULL)
		return u;
	users_close(u);
	return NULL;
}

static enum store_err
fail_open(struct users *u, enum store_err err, struct buf *error)
{
	if (err == STORE_NOMEM)
		buf_puts(error, store_strerror(err));
	users_close(u);
	return err;
}

enum store_err
users_make_secret(struct users *u, struct buf *error)
{
	if (users_secret_make(u->secret_path) == 0 &&
	    file_sync_dir(u->dir) == 0)
		return STORE_OK;
	buf_printf(
	    error, "%s: cannot be made: %s", u->secret_path, strerror(errno));
	return errno == ENOSPC ? STORE_FULL : STORE_IO;
}

/*
 * Another secret would lose the users that are there. Where it is there after
 * all, somebody has made it in the meantime, before any user.
 */
static enum store_err
check_no_users(struct users *u, struct buf *error)
{
	struct store_stats stats = {0};
	struct stat st;

	enum store_err err = users_open_store(u, false, 0, error);
	if (err == STORE_OK)
		err = store_stats(u->store, &stats);
	store_close(u->store);
	u->store = NULL;
	if (err != STORE_OK || stats.records == 0 ||
	    lstat(u->secret_path, &st) == 0)
		return err;
	buf_printf(error,
	    "%s: missing, and all user names are filed under it; put it back, "
	    "or restore from a backup: gatecast store restore",
	    u->secret_path);
	return STORE_CORRUPT;
}

/*
 * There was no secret: is it lost, has nothing been made yet, or is somebody
 * making it just now?
 */
static enum store_err
load_missing(struct users *u, struct buf *error)
{
	struct buf lost = BUF_INIT;

	enum store_err err = check_no_users(u, &lost);
	buf_reset(error);
	if (err == STORE_CORRUPT)
		buf_puts(error, buf_str(&lost));
	else
		err = users_secret_load(u->secret_path, u->secret, error);
	buf_fini(&lost);
	return err;
}

enum store_err
users_create(const char *dir, struct buf *error)
{
	struct users *u = users_new(dir, 0);
	struct stat st;

	if (u == NULL)
		return fail_open(u, STORE_NOMEM, error);
	enum store_err err = store_create(u->dir, USERS_DIR_MODE, error);
	if (err == STORE_OK && lstat(u->secret_path, &st) == -1) {
		err = check_no_users(u, error);
		if (err == STORE_OK)
			err = users_make_secret(u, error);
	}
	users_close(u);
	return err;
}

enum store_err
users_open(const char *dir, bool is_writer, int lock_wait_ms,
    int64_t reserve_bytes, struct users **out, struct buf *error)
{
	struct users *u = users_new(dir, lock_wait_ms);

	*out = NULL;
	if (u == NULL)
		return fail_open(u, STORE_NOMEM, error);
	enum store_err err =
	    users_secret_load(u->secret_path, u->secret, error);
	if (err == STORE_MISSING)
		err = load_missing(u, error);
	if (err == STORE_OK)
		err = users_open_store(u, is_writer, reserve_bytes, error);
	if (err != STORE_OK)
		return fail_open(u, err, error);
	*out = u;
	return STORE_OK;
}

void
users_close(struct users *u)
{
	if (u == NULL)
		return;
	store_close(u->store);
	free(u->dir);
	free(u->secret_path);
	crypto_wipe(u->secret, sizeof(u->secret));
	crypto_buf_fini(&u->value); /* a hash was in it */
	free(u);
}

bool
users_is_writer(const struct users *u)
{
	return u->is_writer;
}

const char *
users_detail(const struct users *u)
{
	return store_detail(u->store);
}

struct store *
users_store(struct users *u)
{
	return u->store;
}

/* --- records ------------------------------------------------------------ */

bool
users_is_key(const void *key, size_t key_len)
{
	return key_len == USERS_KEY_LEN && memcmp(key, "u:", 2) == 0;
}

int
users_key(
    const struct users *u, const char *name, char key[static USERS_KEY_SIZE])
{
	char fold[NAME_FOLD_SIZE];
	uint8_t mac[CRYPTO_MAC_BYTES];

	if (name_fold(name, fold) != NAME_OK)
		return -1;
	crypto_hmac(u->secret, fold, strlen(fold), mac);
	memcpy(key, "u:", 2);
	crypto_hex(mac, sizeof(mac), key + 2, USERS_KEY_SIZE - 2);
	return 0;
}

/* Before a key is made: has a restore come since the last one? */
static void
follow_secret(struct users *u)
{
	struct buf error = BUF_INIT;

	store_refresh(u->store);
	if (u->is_secret_old &&
	    users_secret_load(u->secret_path, u->secret, &error) == STORE_OK)
		u->is_secret_old = false;
	buf_fini(&error);
}

enum store_err
users_get(struct users *u, const char *name, struct record_user *out)
{
	char key[USERS_KEY_SIZE];

	follow_secret(u);
	if (users_key(u, name, key) != 0)
		return STORE_INVALID;
	enum store_err err = store_get(u->store, key, USERS_KEY_LEN, &u->value);
	if (err != STORE_OK)
		return err;
	return record_get_user(u->value.data, u->value.len, out) == 0
	    ? STORE_OK
	    : STORE_CORRUPT;
}

enum store_err
users_begin(struct users *u)
{
	enum store_err err = store_begin(u->store);

	follow_secret(u);
	return err;
}

enum store_err
users_try_begin(struct users *u)
{
	return store_begin_within(u->store, 0);
}

/* r in place of old, which may be of another name. */
static enum store_err
put_over(struct users *u, const char *old, const struct record_user *r)
{
	char key[USERS_KEY_SIZE], old_key[USERS_KEY_SIZE];
	struct buf value = BUF_INIT;
	enum store_err err = STORE_INVALID;

	if (users_key(u, r->name, key) != 0 || users_key(u, old, old_key) != 0)
		return err;
	/* Room for all of it at once, so that no copy of a hash is left. */
	if (buf_reserve(&value, VALUE_ROOM) == 0 &&
	    record_put_user(r, &value) == 0) {
		err = store_get(u->store, old_key, USERS_KEY_LEN, &u->value);
		if (err == STORE_OK)
			record_keep_user(u->value.data, u->value.len, &value);
		if (err == STORE_OK && strcmp(key, old_key) != 0)
			err = store_del(u->store, old_key, USERS_KEY_LEN);
		if (err == STORE_OK || err == STORE_NOTFOUND)
			err = STORE_OK;
	}
	if (value.has_failed)
		err = STORE_NOMEM;
	if (err == STORE_OK)
		err = store_put(
		    u->store, key, USERS_KEY_LEN, value.data, value.len);
	crypto_buf_fini(&value);
	return err;
}

enum store_err
users_put(struct users *u, const struct record_user *r)
{
	return put_over(u, r->name, r);
}

enum store_err
users_rename(struct users *u, const char *old, const struct record_user *r)
{
	return put_over(u, old, r);
}

enum store_err
users_del(struct users *u, const char *name)
{
	char key[USERS_KEY_SIZE];

	if (users_key(u, name, key) != 0)
		return STORE_INVALID;
	/* Known to be there by the transaction's own view. */
	enum store_err err = store_get(u->store, key, USERS_KEY_LEN, &u->value);
	if (err != STORE_OK)
		return err;
	return store_del(u->store, key, USERS_KEY_LEN);
}

void
users_use_reserve(struct users *u)
{
	store_use_reserve(u->store);
}

enum store_err
users_commit(struct users *u)
{
	return store_commit(u->store);
}

void
users_abort(struct users *u)
{
	store_abort(u->store);
}

struct walk {
	users_visit *visit;
	void *arg;
	bool has_damage;
};

static int
visit_value(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct walk *w = arg;
	struct record_user r;

	if (!users_is_key(key, key_len))
		return 0;
	if (record_get_user(value, value_len, &r) != 0) {
		w->has_damage = true;
		return 0;
	}
	return w->visit(w->arg, &r);
}

enum store_err
users_each(struct users *u, users_visit *visit, void *arg)
{
	struct walk w = {visit, arg, false};
	enum store_err err = store_each(u->store, visit_value, &w);

	return err == STORE_OK && w.has_damage ? STORE_CORRUPT : err;
}

enum store_err
users_maintain(struct users *u)
{
	if (!store_may_checkpoint(u->store))
		return STORE_OK;
	enum store_err err = store_checkpoint(u->store, NULL, NULL);
	/* Another process is at it. */
	return err == STORE_BUSY ? STORE_OK : err;
}
