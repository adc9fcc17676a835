/* auth/users: the secret, the names, and a change under the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "auth/users.h"

#include "temp_dir.h"

static char dir[64];
static char secret[128];
static struct buf error;
static struct users *users;

static int
setup_empty(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_users.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(secret, sizeof(secret), "%s/users/secret", dir);
	buf_init(&error);
	return crypto_init();
}

static int
setup(void **state)
{
	if (setup_empty(state) != 0 || users_create(dir, &error) != STORE_OK ||
	    users_open(dir, true, 1000, 0, &users, &error) != STORE_OK)
		return -1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	users_close(users);
	users = NULL;
	buf_fini(&error);
	return temp_dir_remove(dir);
}

static struct record_user
record(const char *name)
{
	struct record_user r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.hash, sizeof(r.hash), "$hash$%s", name);
	r.created_s = 1000;
	r.changed_s = 2000;
	return r;
}

static void
put(const char *name)
{
	struct record_user r = record(name);

	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_commit(users), STORE_OK);
}

static void
read_secret(char text[static 64])
{
	FILE *f = fopen(secret, "r");

	assert_non_null(f);
	memset(text, 0, 64);
	assert_int_equal(fread(text, 1, 63, f), 44);
	fclose(f);
}

static void
test_create(void **state)
{
	char before[64], after[64], path[80];
	struct stat st;

	(void)state;
	assert_int_equal(users_create(dir, &error), STORE_OK);
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	snprintf(path, sizeof(path), "%s/users", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	read_secret(before);
	assert_int_equal(before[43], '\n');
	assert_int_equal(users_create(dir, &error), STORE_OK);
	read_secret(after);
	assert_string_equal(before, after);
	assert_string_equal(buf_str(&error), "");

	assert_int_not_equal(
	    users_create("/nonexistent/directory", &error), STORE_OK);
	assert_non_null(strstr(buf_str(&error), "/nonexistent/directory"));
}

/* Several first starts at once agree on one secret. */
static void
test_create_race(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			struct users *u;
			struct record_user r;
			char name[] = {'u', (char)('0' + i), '\0'};
			int rc = users_create(dir, &error) != STORE_OK ||
			    users_open(dir, true, 5000, 0, &u, &error) !=
				STORE_OK;
			r = record(name);
			if (rc == 0)
				rc = users_begin(u) != STORE_OK ||
				    users_put(u, &r) != STORE_OK ||
				    users_commit(u) != STORE_OK;
			_exit(rc);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;
		assert_int_not_equal(wait(&status), -1);
		assert_int_equal(status, 0);
	}
	assert_int_equal(
	    users_open(dir, false, 0, 0, &users, &error), STORE_OK);
	for (int i = 0; i < 4; i++) {
		char name[] = {'u', (char)('0' + i), '\0'};
		struct record_user r;
		assert_int_equal(users_get(users, name, &r), STORE_OK);
	}
}

static void
test_secret_refused(void **state)
{
	struct users *u;
	FILE *f;

	(void)state;
	assert_int_equal(chmod(secret, 0640), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);
	assert_null(u);
	assert_ptr_equal(strstr(buf_str(&error), secret), buf_str(&error));
	assert_int_equal(chmod(secret, 0604), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);

	static const char *const texts[] = {
	    "",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\n",
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n\n",
	    "short\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(unlink(secret), 0);
		f = fopen(secret, "w");
		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
		assert_int_equal(chmod(secret, 0600), 0);
		assert_int_equal(
		    users_open(dir, false, 0, 0, &u, &error), STORE_CORRUPT);
		assert_null(u);
	}
	assert_int_equal(unlink(secret), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_MISSING);
	assert_int_equal(symlink("/etc/hostname", secret), 0);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);
	/* and making it does not follow or replace the link */
	assert_int_equal(users_create(dir, &error), STORE_OK);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &u, &error), STORE_DENIED);
}

static void
test_records(void **state)
{
	struct record_user r, want = record("Alice");

	(void)state;
	assert_int_equal(users_get(users, "Alice", &r), STORE_NOTFOUND);
	put("Alice");
	put("bob");
	assert_int_equal(users_get(users, "Alice", &r), STORE_OK);
	assert_memory_equal(&r, &want, sizeof(r));
	/* any case finds it, with its own spelling */
	assert_int_equal(users_get(users, "aLICE", &r), STORE_OK);
	assert_string_equal(r.name, "Alice");
	assert_int_equal(users_get(users, "alic", &r), STORE_NOTFOUND);
	assert_int_equal(users_get(users, "", &r), STORE_INVALID);

	/* another spelling is the same account */
	want = record("ALICE");
	want.is_locked = true;
	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_put(users, &want), STORE_OK);
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
	assert_true(r.is_locked);
	assert_int_equal(users_commit(users), STORE_OK);
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
	assert_string_equal(r.name, "ALICE");

	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_del(users, "carol"), STORE_NOTFOUND);
	assert_int_equal(users_del(users, "alice"), STORE_OK);
	assert_int_equal(users_del(users, "alice"), STORE_NOTFOUND);
	assert_int_equal(users_commit(users), STORE_OK);
	assert_int_equal(users_get(users, "alice", &r), STORE_NOTFOUND);
	assert_int_equal(users_get(users, "bob", &r), STORE_OK);
}

static void
test_abort(void **state)
{
	struct record_user r = record("bob");

	(void)state;
	put("alice");
	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_del(users, "alice"), STORE_OK);
	users_abort(users);
	assert_int_equal(users_get(users, "bob", &r), STORE_NOTFOUND);
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
}

static void
test_invalid(void **state)
{
	struct record_user r = record("bob");
	struct users *reader;

	(void)state;
	assert_int_equal(users_put(users, &r), STORE_INVALID);
	assert_int_equal(users_begin(users), STORE_OK);
	r.name[0] = '\0';
	assert_int_equal(users_put(users, &r), STORE_INVALID);
	r = record("bob");
	r.created_s = -1;
	assert_int_equal(users_put(users, &r), STORE_INVALID);
	users_abort(users);

	assert_int_equal(
	    users_open(dir, false, 0, 0, &reader, &error), STORE_OK);
	assert_int_equal(users_begin(reader), STORE_READONLY);
	put("bob");
	assert_int_equal(users_get(reader, "bob", &r), STORE_OK);
	users_close(reader);

	/* the lock is one for all */
	struct users *other;
	assert_int_equal(
	    users_open(dir, true, 10, 0, &other, &error), STORE_OK);
	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_begin(other), STORE_BUSY);
	assert_string_not_equal(users_detail(other), "");
	users_abort(users);
	assert_int_equal(users_begin(other), STORE_OK);
	users_close(other);
}

static int
count(void *arg, const struct record_user *r)
{
	size_t *n = arg;

	assert_memory_equal(r->hash, "$hash$", 6);
	++*n;
	return *n == 3; /* stops there */
}

struct hidden {
	size_t records;
	bool has_name;
};

static int
look_at_key(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct hidden *h = arg;
	char folded_hash[65];
	uint8_t hash[CRYPTO_HASH_BYTES];

	(void)value;
	(void)value_len;
	h->records++;
	assert_int_equal(key_len, 66);
	assert_memory_equal(key, "u:", 2);
	/* not the name, and not a plain hash of it either */
	crypto_sha256("alice", 5, hash);
	crypto_hex(hash, sizeof(hash), folded_hash, sizeof(folded_hash));
	h->has_name |= memmem(key, key_len, "alice", 5) != NULL ||
	    memmem(key, key_len, folded_hash, 64) != NULL;
	return 0;
}

static void
test_each(void **state)
{
	struct hidden hidden = {0, false};
	size_t n = 0;

	(void)state;
	assert_int_equal(users_each(users, count, &n), STORE_OK);
	assert_int_equal(n, 0);
	put("alice");
	put("bob");
	assert_int_equal(users_each(users, count, &n), STORE_OK);
	assert_int_equal(n, 2);
	put("carol");
	put("dave");
	n = 0;
	assert_int_equal(users_each(users, count, &n), STORE_OK);
	assert_int_equal(n, 3);
	assert_int_equal(
	    store_each(users_store(users), look_at_key, &hidden), STORE_OK);
	assert_int_equal(hidden.records, 4);
	assert_false(hidden.has_name);
}

static int
copy_key(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)value;
	(void)value_len;
	memcpy(arg, key, key_len);
	return 1;
}

static void
test_damaged(void **state)
{
	struct store *store = users_store(users);
	struct record_user r;
	char key[STORE_KEY_MAX];
	size_t n = 0;

	(void)state;
	put("alice");
	assert_int_equal(store_each(store, copy_key, key), STORE_OK);
	put("bob");
	assert_int_equal(store_begin(store), STORE_OK);
	assert_int_equal(store_put(store, key, 66, "v=9", 3), STORE_OK);
	assert_int_equal(store_commit(store), STORE_OK);
	assert_int_equal(users_get(users, "alice", &r), STORE_CORRUPT);
	assert_int_equal(users_get(users, "bob", &r), STORE_OK);
	assert_int_equal(users_each(users, count, &n), STORE_CORRUPT);
	assert_int_equal(n, 1);
	/* it can be put again */
	put("alice");
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
}

/* All is there after a checkpoint, for this handle and a fresh one. */
static void
test_maintain(void **state)
{
	struct store_stats stats;
	struct record_user r;
	char name[16];

	(void)state;
	assert_int_equal(users_maintain(users), STORE_OK);
	assert_int_equal(store_stats(users_store(users), &stats), STORE_OK);
	uint64_t generation = stats.generation;
	for (int i = 0; i < 4000; i++) {
		assert_int_equal(users_begin(users), STORE_OK);
		snprintf(name, sizeof(name), "user%d", i % 100);
		r = record(name);
		assert_int_equal(users_put(users, &r), STORE_OK);
		assert_int_equal(store_publish(users_store(users)), STORE_OK);
	}
	assert_int_equal(users_maintain(users), STORE_OK);
	assert_int_equal(store_stats(users_store(users), &stats), STORE_OK);
	assert_true(stats.generation > generation);
	assert_int_equal(stats.records, 100);
	assert_int_equal(users_get(users, "user99", &r), STORE_OK);
	users_close(users);
	assert_int_equal(
	    users_open(dir, false, 0, 0, &users, &error), STORE_OK);
	assert_int_equal(users_get(users, "user0", &r), STORE_OK);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define EMPTY(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)
	const struct CMUnitTest tests[] = {
	    EMPTY(test_create),
	    EMPTY(test_create_race),
	    CASE(test_secret_refused),
	    CASE(test_records),
	    CASE(test_abort),
	    CASE(test_invalid),
	    CASE(test_each),
	    CASE(test_damaged),
	    CASE(test_maintain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
