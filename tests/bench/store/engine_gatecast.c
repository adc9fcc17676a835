/* Our store, where login.fcgi has it: DIR/sessions. */
#include "auth/sessions.h"
#include "engine.h"
#include "store/store.h"
#include "tests/lib/now.h"

#include <stdio.h>
#include <string.h>

#define LOCK_WAIT_MS 10000

static void
check(enum store_err err, const char *what)
{
	if (err != STORE_OK)
		die(what, store_strerror(err));
}

static void
create(const char *dir)
{
	struct buf error = BUF_INIT;
	if (sessions_create_store(dir, &error) != STORE_OK ||
	    keyring_create(dir, clock_wall_s(clock_system()), &error) == -1)
		die("create", buf_str(&error));
	buf_fini(&error);
}

static void *
open_store(const char *dir, bool is_writer)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/sessions", dir);
	struct store_opts opts = {
	    .dir = path,
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = LOCK_WAIT_MS,
	};
	struct store *s;
	check(store_open(&opts, &s, NULL), "store_open");
	return s;
}

static void
close_store(void *h)
{
	store_close(h);
}

static bool
get(void *h, const char *key, struct buf *value)
{
	enum store_err err = store_get(h, key, RECORD_KEY_LEN, value);
	if (err != STORE_NOTFOUND)
		check(err, "store_get");
	return err == STORE_OK;
}

static void
commit(void *h, const struct record *r, size_t n, uint64_t *wait_ns)
{
	uint64_t begin = now_ns();
	check(store_begin(h), "store_begin");
	*wait_ns = now_ns() - begin;
	for (size_t i = 0; i < n; i++)
		check(r[i].value == NULL
			? store_del(h, r[i].key, RECORD_KEY_LEN)
			: store_put(h, r[i].key, RECORD_KEY_LEN, r[i].value,
			      r[i].value_len),
		    "store_put");
	check(store_commit(h), "store_commit");
}

static void
checkpoint(void *h, bool if_due)
{
	if (if_due && !store_wants_checkpoint(h))
		return;
	enum store_err err = store_checkpoint(h, NULL, NULL);
	if (err != STORE_OK)
		die(store_detail(h), store_strerror(err));
}

const struct engine engine_gatecast = {
    .name = "gatecast",
    .create = create,
    .open = open_store,
    .close = close_store,
    .get = get,
    .commit = commit,
    .checkpoint = checkpoint,
};
