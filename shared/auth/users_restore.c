/*
 * All users replaced at once, also where those that were there cannot be read
 * any more. What is damaged is kept aside, never deleted.
 */
#include "auth/users_impl.h"
#include "auth/users_secret.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum store_err
keep_secret(struct users *u, struct buf *error)
{
	char time[CLOCK_RFC3339_SIZE];
	struct buf kept = BUF_INIT;

	clock_format_rfc3339(clock_wall_ms(clock_system()), time);
	int rc = buf_printf(&kept, "%s.damaged-%s", u->secret_path, time);
	if (rc == 0)
		rc = rename(u->secret_path, buf_str(&kept));
	if (rc != 0)
		buf_printf(error, "%s: cannot be kept aside: %s",
		    u->secret_path, strerror(errno));
	buf_fini(&kept);
	return rc == 0 ? STORE_OK : STORE_IO;
}

/* *is_new: there was none that could be used. */
static enum store_err
get_secret(struct users *u, bool *is_new, struct buf *error)
{
	enum store_err err =
	    users_secret_load(u->secret_path, u->secret, error);

	*is_new = err == STORE_MISSING || err == STORE_CORRUPT;
	if (!*is_new)
		return err;
	buf_reset(error);
	if (err == STORE_CORRUPT) {
		err = keep_secret(u, error);
		if (err != STORE_OK)
			return err;
	}
	err = users_make_secret(u, error);
	return err == STORE_OK
	    ? users_secret_load(u->secret_path, u->secret, error)
	    : err;
}

static bool
is_readable_store(struct users *u)
{
	struct buf why = BUF_INIT;

	enum store_err err = users_open_store(u, false, 0, &why);
	buf_fini(&why);
	return err == STORE_OK;
}

enum store_err
users_open_damaged(const char *dir, int lock_wait_ms, int64_t reserve_bytes,
    struct users **out, bool *is_readable, struct buf *error)
{
	struct users *u = users_new(dir, lock_wait_ms);
	struct store_stats stats = {0};
	bool is_new = false;

	*out = NULL;
	if (u == NULL) {
		buf_puts(error, store_strerror(STORE_NOMEM));
		return STORE_NOMEM;
	}
	enum store_err err = store_create(u->dir, USERS_DIR_MODE, error);
	if (err == STORE_OK || err == STORE_CORRUPT)
		err = get_secret(u, &is_new, error);
	if (err != STORE_OK)
		goto fail;
	err = users_open_store(u, true, reserve_bytes, error);
	if (err == STORE_OK && is_new)
		err = store_stats(u->store, &stats);
	*is_readable = err == STORE_OK && (!is_new || stats.records == 0);
	/* Where it is writing that failed there is nothing to be mended. */
	if (err == STORE_IO && is_readable_store(u))
		goto fail;
	if (err != STORE_OK && err != STORE_CORRUPT && err != STORE_IO)
		goto fail;
	*out = u;
	return STORE_OK;
fail:
	users_close(u);
	return err;
}

enum store_err
users_replace(struct users *u, store_fill *fill, void *arg, struct buf *error)
{
	if (u->store == NULL)
		return store_rebuild(u->dir, u->lock_wait_ms, fill, arg, error);
	enum store_err err = store_replace(u->store, fill, arg);
	if (err != STORE_OK) {
		buf_reset(error);
		buf_puts(error, store_detail(u->store));
	}
	return err;
}
