/*
 * The sessions store as wsd sees it, over a store that does as it is told:
 * what ended, what is asked again, and what a store that is away means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hub.h"
#include "wsd/revocation.h"

/* --- a store in place of auth/sessions.c and store/store.c --------------- */

static struct {
	enum store_err state; /* of opening and catching up */
	enum sessions_verdict verdict; /* of any session */
	bool has_no_keys; /* the keyring cannot be used */
	bool has_new_generation; /* to be told with the next refresh */
	char deleted[SESSIONS_KEY_SIZE]; /* the same; "" none */
	int open, opened, asked;
	store_observe *observe;
	void *arg;
} store;

static char handle;

enum store_err
sessions_open(const char *dir, bool is_writer, int lock_wait_ms,
    int64_t reserve_bytes, const struct clock *clock, struct sessions **out,
    struct buf *error)
{
	(void)dir;
	(void)lock_wait_ms;
	(void)reserve_bytes;
	(void)clock;
	(void)error;
	assert_false(is_writer);
	*out = NULL;
	if (store.state != STORE_OK)
		return store.state;
	*out = (struct sessions *)&handle;
	store.open++;
	store.opened++;
	return STORE_OK;
}

void
sessions_close(struct sessions *s)
{
	if (s != NULL)
		store.open--;
}

const char *
sessions_detail(const struct sessions *s)
{
	(void)s;
	return "detail";
}

struct store *
sessions_store(struct sessions *s)
{
	return (struct store *)s;
}

bool
sessions_can_validate(struct sessions *s)
{
	(void)s;
	return !store.has_no_keys;
}

enum sessions_verdict
sessions_recheck(
    struct sessions *s, const char *key, struct record_session *out)
{
	(void)s;
	(void)key;
	store.asked++;
	if (out != NULL)
		memset(out, 0, sizeof(*out));
	return store.verdict;
}

enum sessions_verdict
sessions_validate(struct sessions *s, const char *token, size_t n,
    struct record_session *out, char key[SESSIONS_KEY_SIZE],
    uint8_t id[TOKEN_ID_BYTES])
{
	(void)token;
	(void)n;
	(void)key;
	(void)id;
	return sessions_recheck(s, NULL, out);
}

const char *
store_strerror(enum store_err err)
{
	(void)err;
	return "error";
}

const char *
store_dir(const struct store *s)
{
	(void)s;
	return "/";
}

void
store_set_observer(struct store *s, store_observe *fn, void *arg)
{
	(void)s;
	store.observe = fn;
	store.arg = arg;
}

enum store_err
store_refresh(struct store *s)
{
	(void)s;
	if (store.state != STORE_OK)
		return store.state;
	if (store.has_new_generation)
		store.observe(store.arg, NULL, 0, NULL, 0);
	if (store.deleted[0] != '\0')
		store.observe(
		    store.arg, store.deleted, SESSIONS_KEY_LEN, NULL, 0);
	store.has_new_generation = false;
	store.deleted[0] = '\0';
	return STORE_OK;
}

/* --- the people ---------------------------------------------------------- */

struct scene {
	struct fake *f;
	struct loop *loop;
	struct revocation *r;
	int expired;
};

static void
on_expired(void *arg)
{
	struct scene *s = arg;
	s->expired++;
}

static void
begin(struct scene *s, struct fake *f)
{
	*s = (struct scene){.f = f};
	s->loop = loop_new();
	f->config.wsd.store_grace_s = 5;
	const struct revocation_opts opts = {
	    .loop = s->loop,
	    .hub = f->hub,
	    .clock = &f->clock.clock,
	    .config = &f->config,
	    .expired = on_expired,
	    .arg = s,
	};
	assert_non_null(s->loop);
	s->r = revocation_new(&opts);
	assert_non_null(s->r);
}

static void
end(struct scene *s)
{
	revocation_free(s->r);
	loop_free(s->loop);
	assert_int_equal(store.open, 0);
}

static int
setup(void **state)
{
	memset(&store, 0, sizeof(store));
	return fake_setup(state);
}

static void
poll_after(struct scene *s, int64_t ms)
{
	clock_manual_advance(&s->f->clock, ms);
	revocation_tick(s->r);
}

static enum sessions_verdict
validate(struct scene *s)
{
	struct record_session record;
	char key[SESSIONS_KEY_SIZE];
	return revocation_validate(s->r, "", 0, &record, key);
}

static void
test_deleted(void **state)
{
	struct scene s;
	begin(&s, *state);
	struct person *a = join(s.f, "alice", HUB_PLAIN);

	memcpy(store.deleted, fake_key('1'), SESSIONS_KEY_SIZE);
	poll_after(&s, 1000);
	assert_int_equal(a->conn.close_code, 0);
	memcpy(store.deleted, fake_key('0'), SESSIONS_KEY_SIZE);
	poll_after(&s, 999);
	assert_int_equal(a->conn.close_code, 0);
	poll_after(&s, 1);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	end(&s);
}

static void
test_new_generation(void **state)
{
	struct scene s;
	begin(&s, *state);
	struct person *a = join(s.f, "alice", HUB_PLAIN);

	poll_after(&s, 1000);
	assert_int_equal(store.asked, 0);
	store.has_new_generation = true;
	poll_after(&s, 1000);
	assert_int_equal(store.asked, 1);
	assert_int_equal(a->conn.close_code, 0);
	store.has_new_generation = true;
	store.verdict = SESSIONS_UNKNOWN;
	poll_after(&s, 1000);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	end(&s);
}

/* Who could not be asked is asked again, and not held for ever. */
static void
test_unavailable_for_a_moment(void **state)
{
	struct scene s;
	begin(&s, *state);
	struct person *a = join(s.f, "alice", HUB_PLAIN);

	store.has_new_generation = true;
	store.verdict = SESSIONS_UNAVAILABLE;
	poll_after(&s, 1000);
	assert_int_equal(store.asked, 1);
	assert_int_equal(a->conn.close_code, 0);
	store.verdict = SESSIONS_UNKNOWN;
	poll_after(&s, 1000);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	end(&s);
}

static void
test_lost_and_found(void **state)
{
	struct scene s;
	begin(&s, *state);
	struct person *a = join(s.f, "alice", HUB_PLAIN);

	assert_int_equal(validate(&s), SESSIONS_VALID);
	store.state = STORE_IO;
	poll_after(&s, 1000);
	assert_int_equal(validate(&s), SESSIONS_UNAVAILABLE);
	poll_after(&s, 4999);
	assert_int_equal(s.expired, 0);
	store.state = STORE_OK;
	store.verdict = SESSIONS_UNKNOWN;
	poll_after(&s, 1000);
	/* It may have ended while nobody looked. */
	assert_int_equal(store.opened, 2);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	assert_int_equal(s.expired, 0);
	end(&s);
}

static void
test_grace(void **state)
{
	struct scene s;
	store.state = STORE_MISSING;
	begin(&s, *state);

	assert_int_equal(validate(&s), SESSIONS_UNAVAILABLE);
	for (int i = 0; i < 4; i++)
		poll_after(&s, 1000);
	assert_int_equal(s.expired, 0);
	for (int i = 0; i < 4; i++)
		poll_after(&s, 1000);
	assert_int_equal(s.expired, 1);
	/* The next loss has a grace of its own. */
	store.state = STORE_OK;
	poll_after(&s, 1000);
	assert_int_equal(validate(&s), SESSIONS_VALID);
	store.state = STORE_IO;
	poll_after(&s, 1000);
	poll_after(&s, 4999);
	assert_int_equal(s.expired, 1);
	poll_after(&s, 1);
	assert_int_equal(s.expired, 2);
	end(&s);
}

/* Cookies that cannot be checked are a store that is away; ends are seen. */
static void
test_no_keys(void **state)
{
	struct scene s;
	begin(&s, *state);
	struct hub_join other = fake_join("bob", HUB_PLAIN);
	other.session_key = fake_key('1');
	struct person *b = join_as(s.f, other);
	struct person *a = join(s.f, "alice", HUB_PLAIN);

	store.has_no_keys = true;
	poll_after(&s, 1000);
	memcpy(store.deleted, fake_key('0'), SESSIONS_KEY_SIZE);
	poll_after(&s, 1000);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	poll_after(&s, 3999);
	assert_int_equal(s.expired, 0);
	poll_after(&s, 1);
	assert_int_equal(s.expired, 1);
	store.has_no_keys = false;
	poll_after(&s, 1000);
	store.has_no_keys = true;
	poll_after(&s, 1000);
	poll_after(&s, 4999);
	assert_int_equal(s.expired, 1);
	assert_int_equal(b->conn.close_code, 0);
	assert_int_equal(store.opened, 1);
	end(&s);
}

/* Everybody is asked once, when it wakes and never again for that. */
static void
test_sleep(void **state)
{
	const int64_t month_ms = INT64_C(30) * 24 * 3600 * 1000;
	struct scene s;
	begin(&s, *state);
	struct person *a = join(s.f, "alice", HUB_PLAIN);

	/* The machine slept: one clock stood still, the other went on. */
	s.f->clock.wall_now_ms += month_ms;
	store.has_new_generation = true;
	poll_after(&s, 1000);
	assert_int_equal(store.asked, 1);
	/* The process slept: both went on. */
	store.has_new_generation = true;
	poll_after(&s, month_ms);
	assert_int_equal(store.asked, 2);
	for (int i = 0; i < 10; i++)
		poll_after(&s, 250);
	assert_int_equal(store.asked, 2);
	/* A clock set back delays nothing. */
	s.f->clock.wall_now_ms -= 2 * month_ms;
	memcpy(store.deleted, fake_key('0'), SESSIONS_KEY_SIZE);
	poll_after(&s, 1000);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	end(&s);
}

/* At the second it ends in, also when that is found out before a write. */
static void
test_expires(void **state)
{
	const int64_t end_s = FAKE_TIME_MS / 1000 + 2;
	struct scene s;
	begin(&s, *state);
	struct hub_join first = fake_join("alice", HUB_PLAIN);
	first.session_end_s = end_s;
	struct person *a = join_as(s.f, first);
	struct hub_join second = fake_join("bob", HUB_PLAIN);
	second.session_key = fake_key('1');
	second.session_end_s = end_s + 1;
	struct person *b = join_as(s.f, second);

	store.verdict = SESSIONS_EXPIRED;
	poll_after(&s, end_s * 1000 - FAKE_TIME_MS - 1);
	revocation_look(s.r);
	assert_int_equal(store.asked, 0);
	poll_after(&s, 1);
	assert_int_equal(store.asked, 1);
	assert_int_equal(a->conn.close_code, HUB_CLOSE_SESSION_OVER);
	assert_int_equal(b->conn.close_code, 0);
	clock_manual_advance(&s.f->clock, 1000);
	revocation_look(s.r);
	assert_int_equal(b->conn.close_code, HUB_CLOSE_SESSION_OVER);
	end(&s);
}

/* Nobody is asked for each thing that is written to the store. */
static void
test_asked_once_a_second(void **state)
{
	struct scene s;
	begin(&s, *state);
	struct hub_join over = fake_join("alice", HUB_PLAIN);
	over.session_end_s = 1;
	join_as(s.f, over);

	store.verdict = SESSIONS_UNAVAILABLE;
	for (int i = 0; i < 4; i++)
		poll_after(&s, 250);
	int asked = store.asked;
	assert_in_range(asked, 1, 3);
	for (int i = 0; i < 40; i++) {
		poll_after(&s, 5);
		revocation_look(s.r);
	}
	assert_in_range(store.asked, asked, asked + 1);
	end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_deleted, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_new_generation, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_unavailable_for_a_moment, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_lost_and_found, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(test_grace, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(test_no_keys, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(test_sleep, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(test_expires, setup, fake_teardown),
	    cmocka_unit_test_setup_teardown(
		test_asked_once_a_second, setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
