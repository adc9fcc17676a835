/* auth/throttle: what is kept, for how long, and what is no longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "store/lock.h"
#include "throttle_fixture.h"

/* --- what is kept -------------------------------------------------------- */

static void
test_survives(void **state)
{
	(void)state;
	guess(from("alice", "192.0.2.1", NULL), FREE);
	throttle_close(throttle);
	open_it();
	assert_int_equal(try_name("alice"), 4);
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	assert_int_equal(try_name("alice"), 4);
	throttle_close(throttle);
	open_it();
	assert_int_equal(try_name("alice"), 4);
}

static size_t
records(void)
{
	struct store_stats stats;

	assert_int_equal(
	    store_stats(throttle_store(throttle), &stats), STORE_OK);
	return (size_t)stats.records - 1; /* the secret */
}

static void
test_checkpoint_drops_what_is_forgotten(void **state)
{
	(void)state;
	guess(from("alice", "192.0.2.1", NULL), 2);
	guess(from("bob", "unix", device), 1);
	assert_int_equal(records(), 3);
	clock_manual_advance(&manual, 120 * 1000);
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	assert_int_equal(records(), 2);
	clock_manual_advance(&manual, 900 * 1000);
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	assert_int_equal(records(), 1);
	clock_manual_advance(&manual, 900 * 1000);
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	assert_int_equal(records(), 0);
}

/* Many names push out one another, and none that is slowed down. */
static void
test_bounded(void **state)
{
	char name[16], address[20];

	(void)state;
	throttle->records_max = 20;
	guess(from("alice", "192.0.2.1", NULL), FREE);
	guess(from("bob", "unix", device), 1);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		snprintf(address, sizeof(address), "198.51.100.%d", i);
		guess(from(name, address, NULL), i < 10 ? 2 : 1);
	}
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	assert_int_equal(records(), 2 * 11 + 1);
	assert_int_equal(fails_of(THROTTLE_NAME, "alice"), FREE);
	assert_int_equal(fails_of(THROTTLE_ADDRESS, "192.0.2.1"), FREE);
	/* One kind takes nothing from another. */
	assert_int_equal(fails_of(THROTTLE_DEVICE, "bob"), 1);
	assert_int_equal(fails_of(THROTTLE_NAME, "user3"), 2);
	assert_int_equal(fails_of(THROTTLE_NAME, "user30"), 0);
	throttle->records_max = 0;
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	assert_int_equal(records(), 0);
	assert_int_equal(try_name("alice"), 0);
}

static void
test_maintain(void **state)
{
	struct store *store = throttle_store(throttle);
	struct store_stats before, after;
	char long_name[64 + 1];

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[64] = '\0';
	assert_int_equal(store_stats(store, &before), STORE_OK);
	while (!store_wants_checkpoint(store))
		succeed(from(long_name, "192.0.2.1", NULL));
	assert_int_equal(throttle_maintain(throttle), STORE_OK);
	assert_int_equal(store_stats(store, &after), STORE_OK);
	assert_int_equal(after.generation, before.generation + 1);
	assert_int_equal(throttle_maintain(throttle), STORE_OK);
	assert_int_equal(after.records, 1);
}

/* --- the administrator --------------------------------------------------- */

static size_t
clear(const char *what)
{
	size_t cleared;

	assert_int_equal(throttle_clear(throttle, what, &cleared), STORE_OK);
	return cleared;
}

static void
test_clear(void **state)
{
	(void)state;
	guess(from("Alice", "192.0.2.1", NULL), FREE);
	guess(from("alice", "unix", device), 1);
	guess(from("alice", "unix", other_device), 1);
	guess(from("bob", "2001:db8::1", NULL), 1);
	guess(from("bob", "unix", device), 1);
	guess(from("192.0.2.1", "unix", NULL), 1); /* a name, too */
	assert_int_equal(clear("nobody"), 0);
	assert_int_equal(clear("not a name!"), 0);
	assert_int_equal(clear(""), 0);
	assert_int_equal(clear("ALICE"), 3);
	assert_int_equal(clear("ALICE"), 0);
	assert_int_equal(clear("192.0.2.1"), 2);
	assert_int_equal(clear("2001:db8::/64"), 1);
	assert_int_equal(clear("2001:db8::/64"), 0);
	assert_int_equal(count(), 2);
	assert_int_equal(clear("bob"), 2);
	assert_int_equal(count(), 0);
	guess(from("alice", "192.0.2.1", NULL), FREE);
}

static int
check_one(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	(void)arg;
	assert_true(throttle_is_good(key, key_len, value, value_len));
	/* Cut anywhere it is not the same. */
	assert_false(throttle_is_good(key, key_len - 1, value, value_len));
	assert_false(throttle_is_good(key, key_len, value, 2));
	return 0;
}

static void
test_is_good(void **state)
{
	(void)state;
	guess(from("alice", "192.0.2.1", NULL), 1);
	guess(from("alice", "unix", device), 1);
	assert_int_equal(
	    store_each(throttle_store(throttle), check_one, NULL), STORE_OK);
}

/* --- damage -------------------------------------------------------------- */

static void
put(const char *key, size_t key_len, const char *value)
{
	struct store *s = throttle_store(throttle);

	assert_int_equal(store_begin(s), STORE_OK);
	assert_int_equal(
	    store_put(s, key, key_len, value, strlen(value)), STORE_OK);
	assert_int_equal(store_publish(s), STORE_OK);
}

static void
test_damaged_record(void **state)
{
	static const char *const values[] = {"", "nonsense",
	    "v=1 who=alice fails=99 since=1700000000 until=1700000000",
	    "v=1 who=alice fails=5 since=1700000000 until=9999999999"};
	char key[THROTTLE_KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(
		    throttle_impl_name_key(throttle, "alice", key), 0);
		put(key, THROTTLE_KEY_LEN, values[i]);
		assert_false(throttle_is_good(
		    key, THROTTLE_KEY_LEN, values[i], strlen(values[i])));
		assert_int_equal(count(), 0);
		/* As good as none, and written over. */
		guess(from("alice", "unix", NULL), FREE);
		assert_int_equal(try_name("alice"), 4);
		put(key, THROTTLE_KEY_LEN, values[i]);
		put("unknown", 7, values[i]);
		assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
		assert_int_equal(records(), 0);
	}
}

static void
test_damaged_secret(void **state)
{
	(void)state;
	guess(from("alice", "unix", NULL), 1);
	put(THROTTLE_SECRET_KEY, strlen(THROTTLE_SECRET_KEY), "short");
	struct throttle_who who = from("alice", "unix", NULL);
	int64_t wait_s;
	assert_int_equal(throttle_take(throttle, &who, &wait_s), STORE_CORRUPT);
	throttle_close(throttle);
	assert_int_equal(
	    throttle_open(dir, true, 5000, &manual.clock, &throttle, &error),
	    STORE_CORRUPT);
	assert_null(throttle);
	assert_non_null(strstr(buf_str(&error), "throttle"));
	assert_non_null(strstr(buf_str(&error), "remove"));
}

/* Told what helps here: no backup has it. */
static void
test_damaged_base(void **state)
{
	char path[96];

	(void)state;
	guess(from("alice", "unix", NULL), 1);
	assert_int_equal(throttle_checkpoint(throttle), STORE_OK);
	throttle_close(throttle);
	snprintf(path, sizeof(path), "%s/throttle/base.gdbm", dir);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(
	    throttle_open(dir, true, 5000, &manual.clock, &throttle, &error),
	    STORE_CORRUPT);
	assert_non_null(strstr(buf_str(&error), "/throttle: "));
	assert_non_null(strstr(buf_str(&error), "remove the directory"));
	assert_null(strstr(buf_str(&error), "restore"));
}

/* Another store in its place, while it is open: its secret counts. */
static void
test_replaced(void **state)
{
	char store[80], old[84];
	struct throttle *other;
	int64_t wait_s;

	(void)state;
	guess(from("alice", "unix", NULL), 1);
	snprintf(store, sizeof(store), "%s/throttle", dir);
	snprintf(old, sizeof(old), "%s.old", store);
	assert_int_equal(rename(store, old), 0);
	assert_int_equal(throttle_create(dir, &error), STORE_OK);
	struct throttle_who who = from("alice", "unix", NULL);
	assert_int_equal(
	    throttle_take(throttle, &who, &wait_s), STORE_NOTFOUND);
	assert_int_equal(
	    throttle_open(dir, true, 5000, &manual.clock, &other, &error),
	    STORE_OK);
	assert_int_equal(throttle_take(other, &who, &wait_s), STORE_OK);
	throttle_close(other);
	guess(who, FREE - 1);
	assert_int_equal(try_as(who), 4);
}

static void
test_open(void **state)
{
	char path[80];
	struct stat st;
	struct throttle *reader;

	(void)state;
	snprintf(path, sizeof(path), "%s/throttle", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	guess(from("alice", "unix", NULL), 1);
	assert_int_equal(
	    throttle_open(dir, false, 0, &manual.clock, &reader, &error),
	    STORE_OK);
	struct seen s = {0};
	assert_int_equal(throttle_each(reader, see, &s), STORE_OK);
	assert_int_equal(s.n, 1);
	throttle_close(reader);
	/* Whoever may write to it could let himself guess. */
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(
	    throttle_open(dir, true, 0, &manual.clock, &reader, &error),
	    STORE_DENIED);
	assert_int_equal(chmod(path, 0750), 0);
	assert_int_equal(
	    throttle_open(dir, true, 0, &manual.clock, &reader, &error),
	    STORE_OK);
	throttle_close(reader);
	assert_int_equal(
	    throttle_open("/nowhere", true, 0, &manual.clock, &reader, &error),
	    STORE_MISSING);
	assert_null(reader);
}

/* One at a time: the others do not even look at what is in it. */
static void
test_maintain_beside_another(void **state)
{
	struct store *s = throttle_store(throttle);
	struct flock checkpoint = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = LOCK_CHECKPOINT,
	    .l_len = 1};
	char path[96];

	(void)state;
	while (!store_wants_checkpoint(s))
		put("unknown", 7, "nonsense");
	snprintf(path, sizeof(path), "%s/throttle/lock", dir);
	int fd = open(path, O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &checkpoint), 0);
	assert_true(store_wants_checkpoint(s));
	assert_false(store_may_checkpoint(s));
	assert_int_equal(throttle_maintain(throttle), STORE_OK);
	close(fd);
	assert_true(store_may_checkpoint(s));
	assert_int_equal(throttle_maintain(throttle), STORE_OK);
	assert_false(store_wants_checkpoint(s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_survives),
	    CASE(test_checkpoint_drops_what_is_forgotten),
	    CASE(test_bounded),
	    CASE(test_maintain),
	    CASE(test_maintain_beside_another),
	    CASE(test_clear),
	    CASE(test_is_good),
	    CASE(test_damaged_record),
	    CASE(test_damaged_base),
	    CASE(test_damaged_secret),
	    CASE(test_replaced),
	    CASE(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
