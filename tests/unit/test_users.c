/* auth/users: names, records, and a change under the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "users_fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

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

/* What a newer program wrote and this one does not know. */
static void
test_unknown_keys_stay(void **state)
{
	struct store *store = users_store(users);
	struct record_user r = record("alice");
	struct buf text = BUF_INIT;
	char key[USERS_KEY_SIZE];

	(void)state;
	assert_int_equal(users_key(users, "alice", key), 0);
	assert_int_equal(record_put_user(&r, &text), 0);
	buf_puts(&text, " mail=a@example.org otp=");
	assert_int_equal(store_begin(store), STORE_OK);
	assert_int_equal(
	    store_put(store, key, USERS_KEY_LEN, text.data, text.len),
	    STORE_OK);
	assert_int_equal(store_commit(store), STORE_OK);

	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_get(users, "alice", &r), STORE_OK);
	r.is_locked = true;
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	snprintf(r.name, sizeof(r.name), "Alina");
	assert_int_equal(users_rename(users, "alice", &r), STORE_OK);
	assert_int_equal(users_commit(users), STORE_OK);

	assert_int_equal(users_get(users, "alice", &r), STORE_NOTFOUND);
	assert_int_equal(users_get(users, "alina", &r), STORE_OK);
	assert_true(r.is_locked);
	assert_int_equal(users_key(users, "alina", key), 0);
	assert_int_equal(store_get(store, key, USERS_KEY_LEN, &text), STORE_OK);
	assert_string_equal(buf_str(&text),
	    "v=1 name=Alina hash=$hash$alice created=1000 changed=2000 "
	    "locked=1 mail=a@example.org otp=");
	/* A new account of that name begins with nothing. */
	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_del(users, "alina"), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_commit(users), STORE_OK);
	assert_int_equal(store_get(store, key, USERS_KEY_LEN, &text), STORE_OK);
	assert_null(strstr(buf_str(&text), "mail"));
	buf_fini(&text);
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
	const struct CMUnitTest tests[] = {
	    CASE(test_records),
	    CASE(test_unknown_keys_stay),
	    CASE(test_abort),
	    CASE(test_invalid),
	    CASE(test_each),
	    CASE(test_damaged),
	    CASE(test_maintain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
