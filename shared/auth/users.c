/*
 * Who may log in. The keys of the store are MACs of the folded names, under
 * a secret that lies beside the store: a name that a stranger types can
 * neither choose its place in the hash table nor be looked for in a stolen
 * file's keys.
 */
#include "auth/users.h"

#include "auth/crypto.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_DIR "users"
#define SECRET_FILE "secret"
#define DIR_MODE 0700
#define SECRET_CHARS CRYPTO_B64_LEN(CRYPTO_KEY_BYTES)

struct users {
	struct store *store;
	uint8_t secret[CRYPTO_KEY_BYTES];
	struct buf value;
};

/* --- the secret --------------------------------------------------------- */

/*
 * Makes the file once and for all: it is written under another name and
 * linked into place, which fails when somebody was faster. A secret that was
 * once seen is never replaced, for all names would be lost with it.
 */
static int
make_secret(const char *path)
{
	struct buf temporary = BUF_INIT;
	uint8_t raw[CRYPTO_KEY_BYTES];
	char text[SECRET_CHARS + 2];
	uint8_t tag[8];
	char tag_text[2 * sizeof(tag) + 1];
	int fd = -1, rc = -1;

	crypto_random(tag, sizeof(tag));
	crypto_hex(tag, sizeof(tag), tag_text, sizeof(tag_text));
	if (buf_printf(&temporary, "%s.%s", path, tag_text) != 0) {
		errno = ENOMEM;
		return -1;
	}
	crypto_random(raw, sizeof(raw));
	crypto_b64_encode(raw, sizeof(raw), text, sizeof(text));
	text[SECRET_CHARS] = '\n';
	fd = open(buf_str(&temporary),
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		goto out;
	/* The umask may have taken bits away. */
	if (fchmod(fd, 0600) == 0 &&
	    file_write_all(fd, text, SECRET_CHARS + 1) == 0 && fsync(fd) == 0 &&
	    (link(buf_str(&temporary), path) == 0 || errno == EEXIST))
		rc = 0;
	int saved = errno;
	close(fd);
	unlink(buf_str(&temporary));
	errno = saved;
out:
	crypto_wipe(raw, sizeof(raw));
	crypto_wipe(text, sizeof(text));
	buf_fini(&temporary);
	return rc;
}

static enum store_err
load_secret(const char *path, uint8_t secret[static CRYPTO_KEY_BYTES],
    struct buf *error)
{
	struct buf text = BUF_INIT;
	enum store_err rc = STORE_OK;

	if (buf_reserve(&text, SECRET_CHARS + 2) != 0)
		return STORE_NOMEM;
	enum file_err err = file_read(path, SECRET_CHARS + 1, 0077, &text);
	if (err != FILE_OK) {
		buf_printf(error, "%s: %s", path, file_strerror(err));
		if (err == FILE_MODE)
			buf_printf(error, "; chmod 600 %s", path);
		rc = err == FILE_MISSING ? STORE_MISSING
		    : err == FILE_SIZE   ? STORE_CORRUPT
		    : err == FILE_IO     ? STORE_IO
					 : STORE_DENIED;
	} else if (text.len != SECRET_CHARS + 1 ||
	    text.data[SECRET_CHARS] != '\n' ||
	    crypto_b64_decode(
		text.data, SECRET_CHARS, secret, CRYPTO_KEY_BYTES) != 0) {
		buf_printf(error,
		    "%s: is not a secret of %d characters; restore it from a "
		    "backup, for all user names are filed under it",
		    path, (int)SECRET_CHARS);
		rc = STORE_CORRUPT;
	}
	crypto_wipe(text.data, text.cap);
	buf_fini(&text);
	return rc;
}

/* --- making and opening ------------------------------------------------- */

enum store_err
users_create(const char *dir, struct buf *error)
{
	struct buf store_path = BUF_INIT, secret_path = BUF_INIT;
	struct stat st;
	enum store_err err = STORE_NOMEM;

	if (buf_printf(&store_path, "%s/" STORE_DIR, dir) != 0 ||
	    buf_printf(&secret_path, "%s/" STORE_DIR "/" SECRET_FILE, dir) != 0)
		goto out;
	err = store_create(buf_str(&store_path), DIR_MODE, error);
	if (err != STORE_OK)
		goto out;
	if (lstat(buf_str(&secret_path), &st) == 0)
		goto out;
	if (make_secret(buf_str(&secret_path)) != 0 ||
	    file_sync_dir(buf_str(&store_path)) != 0) {
		err = errno == ENOSPC ? STORE_FULL : STORE_IO;
		buf_printf(error, "%s: cannot be made: %s",
		    buf_str(&secret_path), strerror(errno));
	}
out:
	buf_fini(&secret_path);
	buf_fini(&store_path);
	return err;
}

enum store_err
users_open(const char *dir, bool is_writer, int lock_wait_ms,
    int64_t reserve_bytes, struct users **out, struct buf *error)
{
	struct buf path = BUF_INIT;
	enum store_err err = STORE_NOMEM;
	struct users *u = calloc(1, sizeof(*u));

	*out = NULL;
	if (u == NULL ||
	    buf_printf(&path, "%s/" STORE_DIR "/" SECRET_FILE, dir) != 0)
		goto fail;
	err = load_secret(buf_str(&path), u->secret, error);
	if (err != STORE_OK)
		goto fail;
	buf_reset(&path);
	err = STORE_NOMEM;
	if (buf_printf(&path, "%s/" STORE_DIR, dir) != 0)
		goto fail;
	const struct store_opts opts = {
	    .dir = buf_str(&path),
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = lock_wait_ms,
	    .reserve_bytes = reserve_bytes,
	    .forbidden_mode = 0777 & ~DIR_MODE,
	};
	err = store_open(&opts, &u->store, error);
	if (err != STORE_OK)
		goto fail;
	buf_fini(&path);
	*out = u;
	return STORE_OK;
fail:
	if (err == STORE_NOMEM)
		buf_puts(error, store_strerror(err));
	buf_fini(&path);
	users_close(u);
	return err;
}

void
users_close(struct users *u)
{
	if (u == NULL)
		return;
	store_close(u->store);
	crypto_wipe(u->secret, sizeof(u->secret));
	if (u->value.data != NULL) /* a hash was in it */
		crypto_wipe(u->value.data, u->value.cap);
	buf_fini(&u->value);
	free(u);
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

static int
key_of(const struct users *u, const char *name, char key[static USERS_KEY_SIZE])
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

enum store_err
users_get(struct users *u, const char *name, struct record_user *out)
{
	char key[USERS_KEY_SIZE];

	if (key_of(u, name, key) != 0)
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
	return store_begin(u->store);
}

enum store_err
users_try_begin(struct users *u)
{
	return store_begin_within(u->store, 0);
}

enum store_err
users_put(struct users *u, const struct record_user *r)
{
	char key[USERS_KEY_SIZE];
	struct buf *value = &u->value;

	if (key_of(u, r->name, key) != 0)
		return STORE_INVALID;
	buf_reset(value);
	if (record_put_user(r, value) != 0)
		return value->has_failed ? STORE_NOMEM : STORE_INVALID;
	return store_put(u->store, key, USERS_KEY_LEN, value->data, value->len);
}

enum store_err
users_del(struct users *u, const char *name)
{
	char key[USERS_KEY_SIZE];

	if (key_of(u, name, key) != 0)
		return STORE_INVALID;
	/* Known to be there by the transaction's own view. */
	enum store_err err = store_get(u->store, key, USERS_KEY_LEN, &u->value);
	if (err != STORE_OK)
		return err;
	return store_del(u->store, key, USERS_KEY_LEN);
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
