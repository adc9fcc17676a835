/* auth/sessions: who is in, until when, and that ended means ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/sessions.h"
#include "auth/sessions_index.h"
#include "base/file.h"

#define NOW_S INT64_C(1700000000)
#define IDLE_S 1000
#define ABSOLUTE_S 5000
#define HASH "$hash$"

static char dir[64];
static char keyring[80];
static struct buf error;
static struct users *users;
static struct sessions *sessions; /* login.fcgi */
static struct sessions *reader; /* wsd */
static struct clock_manual manual;
static char token[TOKEN_SIZE], key[SESSIONS_KEY_SIZE];

static void
put_user(const char *name, const char *hash, bool is_locked)
{
	struct record_user r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.hash, sizeof(r.hash), "%s", hash);
	r.is_locked = is_locked;
	assert_int_equal(users_begin(users), STORE_OK);
	assert_int_equal(users_put(users, &r), STORE_OK);
	assert_int_equal(users_commit(users), STORE_OK);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_sessions.XXXXXX");
	if (mkdtemp(dir) == NULL || crypto_init() != 0)
		return -1;
	snprintf(keyring, sizeof(keyring), "%s/keyring", dir);
	buf_init(&error);
	clock_manual_init(&manual, NOW_S * 1000);
	if (users_create(dir, &error) != STORE_OK ||
	    sessions_create_store(dir, &error) != STORE_OK ||
	    keyring_create(dir, NOW_S, &error) != 0 ||
	    users_open(dir, true, 5000, 0, &users, &error) != STORE_OK ||
	    sessions_open(dir, true, 5000, 0, &manual.clock, &sessions,
		&error) != STORE_OK ||
	    sessions_open(dir, false, 0, 0, &manual.clock, &reader, &error) !=
		STORE_OK) {
		print_error("%s\n", buf_str(&error));
		return -1;
	}
	put_user("Alice", HASH, false);
	put_user("bob", HASH, false);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	sessions_close(reader);
	sessions_close(sessions);
	users_close(users);
	reader = sessions = NULL;
	users = NULL;
	buf_fini(&error);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct sessions_new
new_for(const char *user)
{
	const struct sessions_new new = {
	    .user = user,
	    .address = "192.0.2.1",
	    .agent = "Mozilla/5.0 (X)",
	    .idle_s = IDLE_S,
	    .absolute_s = ABSOLUTE_S,
	    .cap = 0,
	};
	return new;
}

static void
begin(const char *user)
{
	const struct sessions_new new = new_for(user);

	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(sessions, token, strlen(token), NULL, key),
	    SESSIONS_VALID);
}

static enum sessions_verdict
validate(struct sessions *s, const char *text)
{
	return sessions_validate(s, text, strlen(text), NULL, NULL);
}

static int
count_one(void *arg, const char *one, const struct record_session *r)
{
	assert_true(sessions_is_key(one, strlen(one)));
	assert_string_not_equal(r->user, "");
	++*(size_t *)arg;
	return 0;
}

static size_t
count(void)
{
	size_t n = 0;

	assert_int_equal(sessions_each(reader, count_one, &n), STORE_OK);
	return n;
}

static void
test_begin(void **state)
{
	struct record_session r;
	char got[SESSIONS_KEY_SIZE], first[TOKEN_SIZE];

	(void)state;
	begin("aLICE");
	assert_int_equal(strncmp(token, "v1.", 3), 0);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, got),
	    SESSIONS_VALID);
	assert_string_equal(got, key);
	assert_true(sessions_is_key(got, strlen(got)));
	/* the name as the account has it */
	assert_string_equal(r.user, "Alice");
	assert_string_equal(r.address, "192.0.2.1");
	assert_string_equal(r.agent, "Mozilla/5.0 (X)");
	assert_int_equal(r.created_s, NOW_S);
	assert_int_equal(r.seen_s, NOW_S);
	assert_int_equal(r.expires_s, NOW_S + ABSOLUTE_S);
	assert_int_equal(r.idle_s, IDLE_S);
	assert_int_equal(sessions_recheck(reader, key, &r), SESSIONS_VALID);

	memcpy(first, token, sizeof(first));
	begin("Alice");
	assert_string_not_equal(first, token);
	assert_int_equal(validate(reader, first), SESSIONS_VALID);
	assert_int_equal(count(), 2);
}

static void
test_begin_refused(void **state)
{
	struct sessions_new new = new_for("carol");

	(void)state;
	memset(token, 'x', sizeof(token));
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_NOTFOUND);
	assert_string_equal(token, "");
	/* the password was changed meanwhile */
	new.user = "bob";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, "$other$", token),
	    STORE_NOTFOUND);
	put_user("bob", HASH, true);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_NOTFOUND);
	put_user("bob", HASH, false);
	new.address = "0123456789012345678901234567890123456789012345";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_INVALID);
	new.address = "";
	new.user = "";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_INVALID);
	assert_int_equal(count(), 0);

	/* both locks are free again, also after a refusal */
	begin("bob");
	assert_int_equal(users_begin(users), STORE_OK);
	users_abort(users);

	new = new_for("bob");
	assert_int_equal(
	    sessions_begin(reader, users, &new, HASH, token), STORE_READONLY);
	assert_int_equal(users_begin(users), STORE_OK);
	users_abort(users);
	assert_int_equal(count(), 1);
}

static void
test_agent(void **state)
{
	struct sessions_new new = new_for("bob");
	struct record_session r;
	char agent[300];

	(void)state;
	new.agent = NULL;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL),
	    SESSIONS_VALID);
	assert_string_equal(r.agent, "");
	/* cut before the character that does not fit: 127 + 3 bytes */
	memset(agent, 'a', 127);
	memcpy(agent + 127, "\xe4\xb8\x8a tail", 9);
	new.agent = agent;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL),
	    SESSIONS_VALID);
	assert_int_equal(strlen(r.agent), 127);
	/* a line of the log, or of the file, is not forged with it */
	new.agent = "a\nv=1 user=root\r\n";
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), &r, NULL),
	    SESSIONS_VALID);
	assert_string_equal(r.agent, new.agent);
	assert_string_equal(r.user, "bob");
}

static void
test_bad_token(void **state)
{
	struct record_session r;
	char got[SESSIONS_KEY_SIZE] = "unset", bad[TOKEN_SIZE];

	(void)state;
	begin("bob");
	memcpy(bad, token, sizeof(bad));
	bad[strlen(bad) - 2] = bad[strlen(bad) - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(sessions_validate(reader, bad, strlen(bad), &r, got),
	    SESSIONS_BAD_TOKEN);
	assert_string_equal(got, "unset");
	assert_int_equal(validate(reader, ""), SESSIONS_BAD_TOKEN);
	/* well signed, of another purpose, or never begun */
	uint8_t id[TOKEN_ID_BYTES] = {1, 2, 3};
	token_make(sessions_keyring(sessions), TOKEN_CSRF, id, bad);
	assert_int_equal(validate(reader, bad), SESSIONS_BAD_TOKEN);
	token_make(sessions_keyring(sessions), TOKEN_SESSION, id, bad);
	assert_int_equal(validate(reader, bad), SESSIONS_UNKNOWN);

	/* the store is not asked about a bad one */
	char path[100];
	snprintf(path, sizeof(path), "%s/sessions", dir);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	bad[strlen(bad) - 2] = bad[strlen(bad) - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(validate(reader, bad), SESSIONS_BAD_TOKEN);
	assert_string_not_equal(sessions_detail(reader), "");
}

static void
test_lifetimes(void **state)
{
	(void)state;
	begin("bob");
	clock_manual_advance(&manual, IDLE_S * 1000 - 1);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	clock_manual_advance(&manual, 1);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_recheck(reader, key, NULL), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(count(), 0);

	/* kept busy, the absolute end comes */
	begin("bob");
	int64_t start_s = clock_wall_s(&manual.clock);
	while (clock_wall_s(&manual.clock) < start_s + ABSOLUTE_S) {
		assert_int_equal(validate(reader, token), SESSIONS_VALID);
		assert_int_equal(sessions_touch(sessions, key), STORE_OK);
		clock_manual_advance(&manual, (IDLE_S - 1) * 1000);
	}
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
}

static void
test_no_limits(void **state)
{
	struct sessions_new new = new_for("bob");

	(void)state;
	new.idle_s = new.absolute_s = 0;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	clock_manual_advance(&manual, INT64_C(1000) * 3600 * 24 * 3650);
	assert_int_equal(
	    sessions_validate(reader, token, strlen(token), NULL, key),
	    SESSIONS_VALID);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
}

static int64_t
seen(void)
{
	struct record_session r;

	assert_int_equal(sessions_recheck(reader, key, &r), SESSIONS_VALID);
	return r.seen_s;
}

static void
test_touch(void **state)
{
	struct store_stats before, after;

	(void)state;
	begin("bob");
	assert_int_equal(
	    store_stats(sessions_store(sessions), &before), STORE_OK);
	clock_manual_advance(&manual, (IDLE_S / 10 - 1) * 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(seen(), NOW_S);
	assert_int_equal(
	    store_stats(sessions_store(sessions), &after), STORE_OK);
	assert_int_equal(before.journal_bytes, after.journal_bytes);

	clock_manual_advance(&manual, 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(seen(), NOW_S + IDLE_S / 10);
	/* a clock set back takes no activity away */
	clock_manual_advance(&manual, -50 * 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(seen(), NOW_S + IDLE_S / 10);

	clock_manual_advance(&manual, 500 * 1000);
	assert_int_equal(sessions_touch(reader, key), STORE_READONLY);
}

/* Ended between the look and the lock: by another process, at that. */
static void
test_touch_does_not_revive(void **state)
{
	struct sessions *other;

	(void)state;
	assert_int_equal(
	    sessions_open(dir, true, 1000, 0, &manual.clock, &other, &error),
	    STORE_OK);
	begin("bob");
	clock_manual_advance(&manual, 500 * 1000);
	assert_int_equal(sessions_end(other, key), STORE_OK);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	assert_int_equal(validate(sessions, token), SESSIONS_UNKNOWN);
	sessions_close(other);
}

/* The two at the same time, many times over. */
static void
test_touch_against_end(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		begin("bob");
		clock_manual_advance(&manual, 200 * 1000);
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			struct sessions *other;
			if (sessions_open(dir, true, 5000, 0, &manual.clock,
				&other, &error) != STORE_OK)
				_exit(1);
			enum store_err err = sessions_touch(other, key);
			_exit(err != STORE_OK && err != STORE_NOTFOUND);
		}
		assert_int_equal(sessions_end(sessions, key), STORE_OK);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	}
}

static void
test_end(void **state)
{
	(void)state;
	begin("bob");
	assert_int_equal(sessions_end(reader, key), STORE_READONLY);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(sessions_end(sessions, key), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
	assert_int_equal(sessions_end(sessions, key), STORE_NOTFOUND);
	assert_int_equal(sessions_recheck(reader, key, NULL), SESSIONS_UNKNOWN);
	assert_int_equal(sessions_end(sessions, "s:12"), STORE_INVALID);
	assert_int_equal(sessions_end(sessions, ""), STORE_INVALID);
	/* no lock is left behind */
	begin("bob");
}

static void
test_is_key(void **state)
{
	char text[] = "s:0123456789abcdef0123456789abcdef"
		      "0123456789abcdef0123456789abcdef";

	(void)state;
	assert_true(sessions_is_key(text, 66));
	assert_false(sessions_is_key(text, 65));
	assert_false(sessions_is_key(text, 67));
	text[0] = 'n';
	assert_false(sessions_is_key(text, 66));
	text[0] = 's';
	text[65] = 'F';
	assert_false(sessions_is_key(text, 66));
	text[65] = '\0';
	assert_false(sessions_is_key(text, 66));
}

static void
test_end_user(void **state)
{
	char alice[TOKEN_SIZE], kept[TOKEN_SIZE], keep[SESSIONS_KEY_SIZE];
	size_t ended;

	(void)state;
	begin("Alice");
	memcpy(alice, token, sizeof(alice));
	for (int i = 0; i < 20; i++) {
		begin("bob");
		if (i == 7) {
			memcpy(kept, token, sizeof(kept));
			memcpy(keep, key, sizeof(keep));
		}
	}
	assert_int_equal(
	    sessions_end_user(sessions, "bob", keep, &ended), STORE_OK);
	assert_int_equal(ended, 19);
	assert_int_equal(validate(reader, kept), SESSIONS_VALID);
	assert_int_equal(validate(reader, alice), SESSIONS_VALID);
	assert_int_equal(count(), 2);
	/* the one kept is found again, in any case of the name */
	assert_int_equal(
	    sessions_end_user(sessions, "BOB", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(validate(reader, kept), SESSIONS_UNKNOWN);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 0);
	assert_int_equal(
	    sessions_end_user(sessions, "nobody", NULL, NULL), STORE_OK);
	assert_int_equal(
	    sessions_end_user(sessions, "", NULL, &ended), STORE_INVALID);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", "x", &ended), STORE_INVALID);
	assert_int_equal(
	    sessions_end_user(reader, "bob", NULL, &ended), STORE_READONLY);
	assert_int_equal(validate(reader, alice), SESSIONS_VALID);
	/* and a new one of that user is found after that */
	begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
}

static void
test_end_everybody(void **state)
{
	size_t ended;

	(void)state;
	begin("Alice");
	begin("bob");
	begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, NULL, key, &ended), STORE_OK);
	assert_int_equal(ended, 2);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(
	    sessions_end_user(sessions, NULL, NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(count(), 0);
	/* the lists that stayed behind do no harm */
	begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
}

/* More than one journal record takes, begun without their syncs. */
static void
test_end_many(void **state)
{
	struct store *store = sessions_store(sessions);
	size_t ended;

	(void)state;
	assert_int_equal(store_begin(store), STORE_OK);
	for (unsigned i = 0; i < 5000; i++) {
		static const char value[] =
		    "v=1 user=bob created=1700000000 seen=1700000000 exp=0 "
		    "idle=0 addr= agent=";
		char one[SESSIONS_KEY_SIZE];

		snprintf(one, sizeof(one), "s:%064x", i);
		assert_int_equal(store_put(store, one, SESSIONS_KEY_LEN, value,
				     sizeof(value) - 1),
		    STORE_OK);
	}
	assert_int_equal(store_commit(store), STORE_OK);
	assert_int_equal(count(), 5000);
	assert_int_equal(
	    sessions_end_user(sessions, NULL, NULL, &ended), STORE_OK);
	assert_int_equal(ended, 5000);
	assert_int_equal(count(), 0);
}

static void
test_cap(void **state)
{
	struct sessions_new new = new_for("bob");
	char tokens[6][TOKEN_SIZE];

	(void)state;
	begin("Alice");
	new.cap = 3;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
		    sessions_begin(sessions, users, &new, HASH, tokens[i]),
		    STORE_OK);
		/* Alice's one, and at most three of bob's */
		assert_int_equal(count(), 1 + (i < 3 ? i + 1 : 3));
		clock_manual_advance(&manual, 1000);
	}
	assert_int_equal(validate(reader, tokens[0]), SESSIONS_UNKNOWN);
	assert_int_equal(validate(reader, tokens[1]), SESSIONS_UNKNOWN);
	for (int i = 2; i < 5; i++)
		assert_int_equal(validate(reader, tokens[i]), SESSIONS_VALID);
	/* the others' do not count, nor do ended ones */
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(
	    sessions_validate(reader, tokens[3], strlen(tokens[3]), NULL, key),
	    SESSIONS_VALID);
	assert_int_equal(sessions_end(sessions, key), STORE_OK);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, tokens[5]), STORE_OK);
	assert_int_equal(validate(reader, tokens[2]), SESSIONS_VALID);
	/* a smaller cap ends what is too many */
	new.cap = 1;
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(count(), 2);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, tokens[5]), SESSIONS_UNKNOWN);
	/* expired ones take no place */
	new.cap = 2;
	clock_manual_advance(&manual, IDLE_S * 1000);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_OK);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, tokens[0]), STORE_OK);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, tokens[0]), SESSIONS_VALID);
}

struct sizes {
	size_t sessions, index;
};

static int
sort_key(void *arg, const void *one, size_t key_len, const void *value,
    size_t value_len)
{
	struct sizes *n = arg;

	(void)value;
	(void)value_len;
	if (sessions_is_key(one, key_len))
		n->sessions++;
	else
		n->index++;
	return 0;
}

static struct sizes
sizes(void)
{
	struct sizes n = {0, 0};

	assert_int_equal(
	    store_each(sessions_store(reader), sort_key, &n), STORE_OK);
	return n;
}

/* The list of a user who comes and goes stays short, and complete. */
static void
test_index(void **state)
{
	char living[40][TOKEN_SIZE];
	size_t n = 0, ended;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		begin("bob");
		if (i % 25 == 0)
			memcpy(living[n++], token, sizeof(token));
		else
			assert_int_equal(sessions_end(sessions, key), STORE_OK);
	}
	assert_int_equal(n, 40);
	assert_int_equal(sizes().sessions, 40);
	/* a head, and chunks of 16 for 40 living ones, at most doubled */
	assert_in_range(sizes().index, 4, 12);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(validate(reader, living[i]), SESSIONS_VALID);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 40);
	assert_int_equal(sizes().sessions, 0);
	assert_int_equal(sizes().index, 0);

	/* all of them living */
	for (int i = 0; i < 200; i++)
		begin("bob");
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 200);
	assert_int_equal(sizes().index, 0);
}

static void
test_index_damaged(void **state)
{
	struct store *store = sessions_store(sessions);
	char head[SESSIONS_INDEX_SIZE];

	(void)state;
	begin("bob");
	assert_int_equal(sessions_index_of("bob", head), 0);
	assert_int_equal(store_get(store, head, 66, NULL), STORE_OK);
	assert_int_equal(store_begin(store), STORE_OK);
	assert_int_equal(store_put(store, head, 66, "v=2", 3), STORE_OK);
	assert_int_equal(store_commit(store), STORE_OK);
	/* never "nothing to end" */
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, NULL), STORE_CORRUPT);
	const struct sessions_new new = new_for("bob");
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, token), STORE_CORRUPT);
	/* everybody's works without the lists */
	assert_int_equal(
	    sessions_end_user(sessions, NULL, NULL, NULL), STORE_OK);
	assert_int_equal(count(), 0);
}

static void
test_rotation(void **state)
{
	char old[TOKEN_SIZE];

	(void)state;
	begin("bob");
	memcpy(old, token, sizeof(old));
	assert_int_equal(keyring_rotate(dir, NOW_S, ABSOLUTE_S, &error), 0);
	/* the writer sees it at its next look, the reader by the token */
	clock_manual_advance(&manual, 500);
	begin("bob");
	assert_memory_not_equal(token, old, 9);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(validate(reader, old), SESSIONS_VALID);
	assert_int_equal(validate(sessions, old), SESSIONS_VALID);

	/* the old key is retired: within a second nobody takes it */
	assert_int_equal(keyring_rotate(dir, NOW_S, 1, &error), 0);
	assert_int_equal(keyring_rotate(dir, NOW_S + 9999, 1, &error), 0);
	clock_manual_advance(&manual, 999);
	assert_int_equal(validate(reader, old), SESSIONS_BAD_TOKEN);
	assert_int_equal(validate(sessions, old), SESSIONS_BAD_TOKEN);
	assert_non_null(keyring_current(sessions_keyring(reader)));
}

static void
test_keyring_broken(void **state)
{
	const struct sessions_new new = new_for("bob");
	char none[TOKEN_SIZE];
	struct buf good = BUF_INIT;

	(void)state;
	begin("bob");
	assert_int_equal(file_read(keyring, 4096, 0, &good), FILE_OK);
	assert_int_equal(file_replace(keyring, "v=1\n", 4, 0640), 0);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	assert_non_null(strstr(sessions_detail(reader), keyring));
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, none), STORE_DENIED);
	assert_string_equal(none, "");
	assert_non_null(keyring_current(sessions_keyring(reader)));
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);
	assert_int_equal(unlink(keyring), 0);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_UNAVAILABLE);

	assert_int_equal(file_replace(keyring, good.data, good.len, 0640), 0);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	assert_int_equal(
	    sessions_begin(sessions, users, &new, HASH, none), STORE_OK);
	buf_fini(&good);
}

static void
test_open_refused(void **state)
{
	struct sessions *s;

	(void)state;
	assert_int_equal(chmod(keyring, 0644), 0);
	assert_int_equal(
	    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
	    STORE_DENIED);
	assert_null(s);
	assert_non_null(strstr(buf_str(&error), keyring));
	assert_int_equal(unlink(keyring), 0);
	assert_int_equal(
	    sessions_open(dir, false, 0, 0, &manual.clock, &s, &error),
	    STORE_MISSING);
	assert_null(s);
	assert_int_equal(sessions_open("/nonexistent", false, 0, 0,
			     &manual.clock, &s, &error),
	    STORE_MISSING);
	assert_null(s);
	assert_int_not_equal(
	    sessions_create_store("/nonexistent", &error), STORE_OK);
}

static void
test_clock_set_back(void **state)
{
	const int64_t day_ms = INT64_C(24) * 3600 * 1000;

	(void)state;
	begin("bob");
	/* a little, as time servers and zones do */
	clock_manual_advance(&manual, -day_ms);
	assert_int_equal(validate(reader, token), SESSIONS_VALID);
	/* so far that it is wrong, e.g. a battery that died */
	clock_manual_advance(&manual, -1000);
	assert_int_equal(validate(reader, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_touch(sessions, key), STORE_NOTFOUND);
	manual.wall_now_ms = 0;
	assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	/* it was not its end, though */
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(reader, token), SESSIONS_VALID);

	/* what was seen expired stays so */
	clock_manual_advance(&manual, IDLE_S * 1000);
	assert_int_equal(validate(sessions, token), SESSIONS_EXPIRED);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	manual.wall_now_ms = NOW_S * 1000;
	assert_int_equal(validate(sessions, token), SESSIONS_UNKNOWN);
	assert_int_equal(validate(reader, token), SESSIONS_UNKNOWN);
}

/* Noted as expired by one worker, touched meanwhile by another: lives. */
static void
test_expired_and_touched(void **state)
{
	struct clock_manual ahead;
	struct sessions *other;

	(void)state;
	begin("bob");
	clock_manual_init(&ahead, (NOW_S + IDLE_S) * 1000);
	assert_int_equal(
	    sessions_open(dir, true, 1000, 0, &ahead.clock, &other, &error),
	    STORE_OK);
	assert_int_equal(validate(other, token), SESSIONS_EXPIRED);
	clock_manual_advance(&manual, 900 * 1000);
	assert_int_equal(sessions_touch(sessions, key), STORE_OK);
	assert_int_equal(sessions_maintain(other), STORE_OK);
	assert_int_equal(validate(sessions, token), SESSIONS_VALID);
	assert_int_equal(validate(other, token), SESSIONS_VALID);
	sessions_close(other);
}

static void
test_maintain(void **state)
{
	struct store_stats stats;
	char first[TOKEN_SIZE];

	(void)state;
	begin("Alice");
	for (int i = 0; i < 30; i++)
		begin("bob");
	clock_manual_advance(&manual, ABSOLUTE_S * 1000);
	begin("Alice");
	memcpy(first, token, sizeof(first));
	assert_int_equal(sizes().sessions, 32);
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	assert_int_equal(sizes().sessions, 32);
	/* a journal long enough that a checkpoint pays */
	for (int i = 0; i < 400; i++) {
		begin("Alice");
		assert_int_equal(sessions_end(sessions, key), STORE_OK);
	}
	assert_int_equal(sessions_maintain(sessions), STORE_OK);
	assert_int_equal(
	    store_stats(sessions_store(sessions), &stats), STORE_OK);
	assert_true(stats.generation > 1);
	assert_int_equal(sizes().sessions, 1);
	/* bob's list is gone with his sessions, Alice's is not */
	char head[SESSIONS_INDEX_SIZE];
	assert_int_equal(sessions_index_of("bob", head), 0);
	assert_int_equal(
	    store_get(sessions_store(reader), head, SESSIONS_INDEX_LEN, NULL),
	    STORE_NOTFOUND);
	assert_int_equal(sessions_index_of("Alice", head), 0);
	assert_int_equal(
	    store_get(sessions_store(reader), head, SESSIONS_INDEX_LEN, NULL),
	    STORE_OK);
	assert_in_range(sizes().index, 2, 5);
	assert_int_equal(validate(reader, first), SESSIONS_VALID);
	assert_int_equal(validate(sessions, first), SESSIONS_VALID);
	begin("bob");
	begin("Alice");
	size_t ended;
	assert_int_equal(
	    sessions_end_user(sessions, "Alice", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 2);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, &ended), STORE_OK);
	assert_int_equal(ended, 1);
}

struct feed {
	size_t ended, other;
	char last[SESSIONS_KEY_SIZE];
};

static void
observe(void *arg, const void *one, size_t key_len, const void *value,
    size_t value_len)
{
	struct feed *f = arg;

	(void)value_len;
	if (one == NULL || !sessions_is_key(one, key_len)) {
		f->other++;
		return;
	}
	if (value == NULL) {
		f->ended++;
		memcpy(f->last, one, key_len);
	}
}

static void
test_feed(void **state)
{
	struct feed f = {0, 0, ""};

	(void)state;
	store_set_observer(sessions_store(reader), observe, &f);
	begin("bob");
	begin("bob");
	assert_int_equal(store_refresh(sessions_store(reader)), STORE_OK);
	assert_int_equal(f.ended, 0);
	assert_int_equal(sessions_end(sessions, key), STORE_OK);
	assert_int_equal(store_refresh(sessions_store(reader)), STORE_OK);
	assert_int_equal(f.ended, 1);
	assert_string_equal(f.last, key);
	assert_int_equal(
	    sessions_end_user(sessions, "bob", NULL, NULL), STORE_OK);
	assert_int_equal(store_refresh(sessions_store(reader)), STORE_OK);
	assert_int_equal(f.ended, 2);
	assert_true(f.other > 0);
}

/*
 * A lock (or a delete, or a new password) that was acknowledged: no session
 * that began before it lives on, and none begins after it.
 */
static void
test_begin_against_lock(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		int ready[2];
		char byte;

		put_user("bob", HASH, false);
		assert_int_equal(pipe(ready), 0);
		pid_t pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			const struct sessions_new new = new_for("bob");
			struct users *u;
			struct sessions *s;
			enum store_err err;
			int begun = 0;
			if (users_open(dir, true, 5000, 0, &u, &error) !=
				STORE_OK ||
			    sessions_open(dir, true, 5000, 0, &manual.clock, &s,
				&error) != STORE_OK)
				_exit(1);
			do {
				err = sessions_begin(s, u, &new, HASH, token);
				if (write(ready[1], "x", 1) != 1)
					_exit(2);
			} while (err == STORE_OK && ++begun < 5000);
			_exit(err == STORE_NOTFOUND ? 0 : 3);
		}
		for (int i = 0; i < 3 + round; i++)
			assert_int_equal(read(ready[0], &byte, 1), 1);
		put_user("bob", HASH, true);
		assert_int_equal(
		    sessions_end_user(sessions, "bob", NULL, NULL), STORE_OK);
		assert_int_equal(count(), 0);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(count(), 0);
		close(ready[0]);
		close(ready[1]);
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_begin),
	    CASE(test_begin_refused),
	    CASE(test_agent),
	    CASE(test_bad_token),
	    CASE(test_lifetimes),
	    CASE(test_no_limits),
	    CASE(test_touch),
	    CASE(test_touch_does_not_revive),
	    CASE(test_touch_against_end),
	    CASE(test_end),
	    CASE(test_is_key),
	    CASE(test_end_user),
	    CASE(test_end_everybody),
	    CASE(test_end_many),
	    CASE(test_cap),
	    CASE(test_index),
	    CASE(test_index_damaged),
	    CASE(test_rotation),
	    CASE(test_keyring_broken),
	    CASE(test_open_refused),
	    CASE(test_clock_set_back),
	    CASE(test_expired_and_touched),
	    CASE(test_maintain),
	    CASE(test_feed),
	    CASE(test_begin_against_lock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
