/*
 * The looks of all names, hashed. They are reckoned anew in each run (1 µs a
 * name) and not stored: a list of them would have to be right after every
 * crash and every change of Unicode's tables, and would have to be made for
 * stores from before. The walk over all users is done without the lock, for
 * logins wait for it; what others commit meanwhile the store's observer
 * tells.
 */
#include "tool/tool_names.h"

#include "auth/record.h"
#include "tool/tool_confusable.h"

#include <stdlib.h>
#include <string.h>

/* uthash would exit() when memory runs out. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) \
	do {                   \
	} while (0)
#include <uthash.h>

struct name {
	struct name *next;
	char text[];
};

struct look {
	UT_hash_handle hh;
	struct name *names; /* more than one in a store from before */
	size_t n;
	char bytes[];
};

struct tool_names {
	struct users *users;
	struct tool_confusable *confusable;
	struct look *looks;
	struct buf scratch[TOOL_CONFUSABLE_LOOKS];
	bool is_stale; /* anything may have changed */
	bool has_failed; /* no memory */
};

static bool
is_same_account(const char *a, const char *b)
{
	char fold_a[NAME_FOLD_SIZE], fold_b[NAME_FOLD_SIZE];

	if (strcmp(a, b) == 0)
		return true;
	return name_fold(a, fold_a) == NAME_OK &&
	    name_fold(b, fold_b) == NAME_OK && strcmp(fold_a, fold_b) == 0;
}

static struct look *
find(const struct tool_names *n, const struct buf *bytes)
{
	struct look *look;

	HASH_FIND(hh, n->looks, bytes->data, bytes->len, look);
	return look;
}

static struct look *
add_look(struct tool_names *n, const struct buf *bytes)
{
	struct look *look = calloc(1, sizeof(*look) + bytes->len);

	if (look == NULL)
		return NULL;
	look->n = bytes->len;
	memcpy(look->bytes, bytes->data, bytes->len);
	HASH_ADD_KEYPTR(hh, n->looks, look->bytes, look->n, look);
	if (look->hh.tbl == NULL) {
		free(look);
		return NULL;
	}
	return look;
}

static int
add_name(struct tool_names *n, const struct buf *bytes, const char *text)
{
	size_t size = strlen(text) + 1;

	struct look *look = find(n, bytes);
	if (look == NULL && (look = add_look(n, bytes)) == NULL)
		return -1;
	for (const struct name *old = look->names; old != NULL; old = old->next)
		if (strcmp(old->text, text) == 0)
			return 0;
	struct name *name = malloc(sizeof(*name) + size);
	if (name == NULL)
		return -1;
	memcpy(name->text, text, size);
	name->next = look->names;
	look->names = name;
	return 0;
}

enum store_err
tool_names_add(struct tool_names *n, const char *name)
{
	if (n->confusable == NULL)
		return STORE_OK; /* check refuses whatever comes */
	if (tool_confusable_looks(n->confusable, name, n->scratch) == -1)
		n->has_failed = true;
	for (size_t i = 0; i < TOOL_CONFUSABLE_LOOKS && !n->has_failed; i++)
		if (add_name(n, &n->scratch[i], name) == -1)
			n->has_failed = true;
	return n->has_failed ? STORE_NOMEM : STORE_OK;
}

static void
forget_all(struct tool_names *n)
{
	struct look *look, *next_look;

	HASH_ITER (hh, n->looks, look, next_look) {
		struct name *name = look->names;

		HASH_DEL(n->looks, look);
		while (name != NULL) {
			struct name *next = name->next;

			free(name);
			name = next;
		}
		free(look);
	}
}

static int
add_user(void *arg, const struct record_user *r)
{
	return tool_names_add(arg, r->name) == STORE_OK ? 0 : -1;
}

static enum store_err
load(struct tool_names *n)
{
	forget_all(n);
	enum store_err err = users_each(n->users, add_user, n);
	if (n->has_failed)
		return STORE_NOMEM;
	n->is_stale = err != STORE_OK;
	return err;
}

/*
 * A deleted name stays until the end of the run: it was taken a moment ago,
 * and to refuse a name for that is right enough.
 */
static void
observe(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct tool_names *n = arg;
	struct record_user r;

	(void)key_len;
	if (key == NULL)
		n->is_stale = true;
	else if (value != NULL && record_get_user(value, value_len, &r) == 0)
		tool_names_add(n, r.name);
}

enum store_err
tool_names_new(struct users *u, struct tool_names **out)
{
	*out = NULL;
	struct tool_names *n = calloc(1, sizeof(*n));
	if (n == NULL)
		return STORE_NOMEM;
	n->users = u;
	n->confusable = tool_confusable_new();
	store_set_observer(users_store(u), observe, n);
	enum store_err err = load(n);
	if (err != STORE_OK) {
		tool_names_free(n);
		return err;
	}
	*out = n;
	return STORE_OK;
}

void
tool_names_free(struct tool_names *n)
{
	if (n == NULL)
		return;
	store_set_observer(users_store(n->users), NULL, NULL);
	forget_all(n);
	for (size_t i = 0; i < TOOL_CONFUSABLE_LOOKS; i++)
		buf_fini(&n->scratch[i]);
	tool_confusable_free(n->confusable);
	free(n);
}

/* Another account's name of this look, or NULL. */
static const char *
find_other(const struct tool_names *n, const struct buf *bytes,
    const char *name, const char *instead_of)
{
	const struct look *look = find(n, bytes);

	if (look == NULL)
		return NULL;
	for (const struct name *old = look->names; old != NULL; old = old->next)
		if (!is_same_account(old->text, name) &&
		    (instead_of == NULL ||
			!is_same_account(old->text, instead_of)))
			return old->text;
	return NULL;
}

enum store_err
tool_names_check(struct tool_names *n, const char *name, const char *instead_of,
    struct buf *why)
{
	const char *other = NULL;

	buf_reset(why);
	if (n->confusable == NULL) {
		buf_puts(why,
		    "no name can be judged: ICU's tables of confusable "
		    "characters (confusables.cfu) are not installed");
		return why->has_failed ? STORE_NOMEM : STORE_OK;
	}
	if (n->is_stale) {
		enum store_err err = load(n);
		if (err != STORE_OK)
			return err;
	}
	if (n->has_failed ||
	    tool_confusable_looks(n->confusable, name, n->scratch) == -1)
		return STORE_NOMEM;
	if (tool_confusable_is_mixed(n->confusable, name)) {
		buf_printf(why,
		    "%s mixes scripts that are not written together; a name "
		    "keeps to one (Chinese, Japanese and Korean may have "
		    "Latin letters beside)",
		    name);
		return why->has_failed ? STORE_NOMEM : STORE_OK;
	}
	for (size_t i = 0; i < TOOL_CONFUSABLE_LOOKS && other == NULL; i++)
		other = find_other(n, &n->scratch[i], name, instead_of);
	if (other != NULL)
		buf_printf(
		    why, "%s can be mistaken for the user %s", name, other);
	return why->has_failed ? STORE_NOMEM : STORE_OK;
}
