/* auth/record: what was put is got; what is damaged is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "auth/record.h"

#define USER "v=1 name=bob hash=x created=1 changed=2 locked=0"
#define SESSION "v=1 user=bob created=1 seen=2 exp=3 idle=4 addr=:: agent=a"

static void
test_user(void **state)
{
	struct record_user a, b;
	struct buf text = BUF_INIT;

	(void)state;
	memset(&a, 0, sizeof(a));
	strncpy(a.name, "\xe4\xb8\x8a\xe6\xb5\xb7", sizeof(a.name) - 1);
	strncpy(
	    a.hash, "$argon2id$v=19$m=8,t=1,p=1$YQ$Yg+/", sizeof(a.hash) - 1);
	a.created_s = 1700000000;
	a.changed_s = INT64_MAX;
	a.is_locked = true;
	assert_int_equal(record_put_user(&a, &text), 0);
	assert_string_equal(buf_str(&text),
	    "v=1 name=%E4%B8%8A%E6%B5%B7 "
	    "hash=$argon2id$v%3D19$m%3D8,t%3D1,p%3D1$YQ$Yg+/ "
	    "created=1700000000 changed=9223372036854775807 locked=1");
	memset(&b, 0xff, sizeof(b));
	assert_int_equal(record_get_user(text.data, text.len, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	buf_fini(&text);
}

static void
test_session(void **state)
{
	struct record_session a, b;
	struct buf text = BUF_INIT;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(a.user, 'u', sizeof(a.user) - 1);
	strncpy(a.address, "2001:db8::1", sizeof(a.address) - 1);
	for (size_t i = 0; i < sizeof(a.agent) - 1; i++)
		a.agent[i] = (char)(i + 1);
	a.agent[0] = '\n';
	a.agent[1] = '%';
	a.created_s = 1;
	a.seen_s = 2;
	a.expires_s = 3;
	a.idle_s = 0;
	assert_int_equal(record_put_session(&a, &text), 0);
	assert_null(strchr(buf_str(&text), '\n'));
	assert_int_equal(record_get_session(text.data, text.len, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));

	/* one byte too long for its field */
	buf_puts(&text, "x");
	assert_int_equal(record_get_session(text.data, text.len, &b), -1);
	buf_fini(&text);
}

static void
test_throttle(void **state)
{
	static const char *const refused[] = {
	    "",
	    "v=2 who=a fails=1 since=2 until=3",
	    "v=1 who= fails=1 since=2 until=3",
	    "v=1 who=a fails=1 since=2",
	    "v=1 who=a fails=01 since=2 until=3",
	    "v=1 who=a fails=-1 since=2 until=3",
	    "v=1 who=a fails=1 since=2 until=9223372036854775808",
	    "v=1 who=a who=b fails=1 since=2 until=3",
	};
	struct record_throttle a, b;
	struct buf text = BUF_INIT;

	(void)state;
	memset(&a, 0, sizeof(a));
	strncpy(a.who, "2001:db8::/64", sizeof(a.who) - 1);
	a.state = (struct throttle_state){5, 1700000000, INT64_MAX};
	assert_int_equal(record_put_throttle(&a, &text), 0);
	assert_string_equal(buf_str(&text),
	    "v=1 who=2001:db8::/64 fails=5 since=1700000000 "
	    "until=9223372036854775807");
	memset(&b, 0xff, sizeof(b));
	assert_int_equal(record_get_throttle(text.data, text.len, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    record_get_throttle(refused[i], strlen(refused[i]), &b),
		    -1);
	a.state.fails = -1;
	assert_int_equal(record_put_throttle(&a, &text), -1);
	buf_fini(&text);
}

static void
test_every_cut(void **state)
{
	struct record_session r;
	size_t n = strlen(SESSION);

	(void)state;
	assert_int_equal(record_get_session(SESSION, n, &r), 0);
	/* the last field may be empty, but must be there */
	for (size_t i = 0; i < n - 1; i++)
		assert_int_equal(record_get_session(SESSION, i, &r), -1);
	assert_int_equal(record_get_session(SESSION, n - 1, &r), 0);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {
	    "",
	    "v=1",
	    "v=2 name=bob hash=x created=1 changed=2 locked=0",
	    "v=11 name=bob hash=x created=1 changed=2 locked=0",
	    "name=bob hash=x created=1 changed=2 locked=0",
	    " " USER,
	    USER " ",
	    USER "\n",
	    USER " name=bob",
	    USER " locked=0",
	    USER " x",
	    USER " =x",
	    USER " X=x",
	    USER "  x=x",
	    "v=1  name=bob hash=x created=1 changed=2 locked=0",
	    "v=1 name= hash=x created=1 changed=2 locked=0",
	    "v=1 name=b=b hash=x created=1 changed=2 locked=0",
	    "v=1 name=b\xc3\xa9 hash=x created=1 changed=2 locked=0",
	    "v=1 name=b%00 hash=x created=1 changed=2 locked=0",
	    "v=1 name=b%61 hash=x created=1 changed=2 locked=0",
	    "v=1 name=b%c3%a9 hash=x created=1 changed=2 locked=0",
	    "v=1 name=b% hash=x created=1 changed=2 locked=0",
	    "v=1 name=b%C hash=x created=1 changed=2 locked=0",
	    "v=1 name=b%G0 hash=x created=1 changed=2 locked=0",
	    "v=1 name=bob hash=x created=01 changed=2 locked=0",
	    "v=1 name=bob hash=x created=-1 changed=2 locked=0",
	    "v=1 name=bob hash=x created= changed=2 locked=0",
	    "v=1 name=bob hash=x created=9223372036854775808 changed=2 "
	    "locked=0",
	    "v=1 name=bob hash=x created=1 changed=2 locked=2",
	    "v=1 name=bob hash=x created=1 changed=2 locked=yes",
	    "v=1 hash=x created=1 changed=2 locked=0",
	    "v=1 name=bob created=1 changed=2 locked=0",
	    "v=1 name=bob hash=x changed=2 locked=0",
	    "v=1 name=bob hash=x created=1 locked=0",
	    "v=1 name=bob hash=x created=1 changed=2",
	    USER " groups=",
	    USER " groups=staff,ops",
	    USER " groups=ops,ops",
	    USER " groups=ops,any",
	    USER " groups=Ops",
	    USER " groups=ops,",
	    USER " groups=ops groups=ops",
	    SESSION,
	};
	struct record_user r;
	char nul[] = USER;

	(void)state;
	assert_int_equal(record_get_user(USER, strlen(USER), &r), 0);
	assert_string_equal(r.name, "bob");
	assert_false(r.is_locked);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (record_get_user(bad[i], strlen(bad[i]), &r) != -1)
			fail_msg("taken: %s", bad[i]);
	*strchr(nul, 'b') = '\0';
	assert_int_equal(record_get_user(nul, sizeof(nul) - 1, &r), -1);
}

/* A record from before there were groups has none, and is written as it was. */
static void
test_groups(void **state)
{
	struct record_user r, again;
	struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(record_get_user(USER, strlen(USER), &r), 0);
	assert_string_equal(r.groups, "");
	assert_int_equal(record_put_user(&r, &text), 0);
	assert_string_equal(buf_str(&text), USER);
	assert_int_equal(group_list_add(r.groups, "staff", 5), GROUP_OK);
	assert_int_equal(group_list_add(r.groups, "ops", 3), GROUP_OK);
	buf_reset(&text);
	assert_int_equal(record_put_user(&r, &text), 0);
	assert_string_equal(buf_str(&text), USER " groups=ops,staff");
	assert_int_equal(record_get_user(text.data, text.len, &again), 0);
	assert_memory_equal(&r, &again, sizeof(r));
	/* Known, so it is not kept a second time. */
	buf_reset(&text);
	assert_int_equal(
	    record_keep_user(USER " x=1 groups=ops", strlen(USER) + 15, &text),
	    0);
	assert_string_equal(buf_str(&text), " x=1");
	strcpy(r.groups, "staff,ops");
	assert_int_equal(record_put_user(&r, &text), -1);
	buf_fini(&text);
}

/* What a later version may add does not hinder this one. */
static void
test_unknown_key(void **state)
{
	static const char text[] = "v=1 totp=a%3Db name=bob hash= created=1 "
				   "changed=2 locked=1 totp=again";
	struct record_user r;

	(void)state;
	assert_int_equal(record_get_user(text, strlen(text), &r), 0);
	assert_string_equal(r.name, "bob");
	assert_string_equal(r.hash, "");
	assert_true(r.is_locked);
}

/* Each byte: as it is when it is in the alphabet, else as %XX. */
static void
test_alphabet(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				       "mnopqrstuvwxyz0123456789._:/@+$,-";
	struct record_user r, got;
	struct buf text = BUF_INIT;

	(void)state;
	for (int c = 1; c < 256; c++) {
		memset(&r, 0, sizeof(r));
		r.name[0] = (char)c;
		buf_reset(&text);
		assert_int_equal(record_put_user(&r, &text), 0);
		bool is_plain = strchr(alphabet, c) != NULL;
		assert_int_equal(buf_str(&text)[9] == '%', !is_plain);
		assert_int_equal(buf_str(&text)[10] == ' ', is_plain);
		assert_int_equal(record_get_user(text.data, text.len, &got), 0);
		assert_memory_equal(&r, &got, sizeof(r));
	}
	buf_fini(&text);
}

static void
test_any_order(void **state)
{
	static const char text[] =
	    "v=1 locked=1 changed=4 created=3 hash=h name=bob";
	struct record_user r;

	(void)state;
	assert_int_equal(record_get_user(text, strlen(text), &r), 0);
	assert_string_equal(r.name, "bob");
	assert_int_equal(r.created_s, 3);
	assert_int_equal(r.changed_s, 4);
}

static void
test_put_refuses(void **state)
{
	struct record_user u;
	struct record_session s;
	struct buf text = BUF_INIT;

	(void)state;
	memset(&u, 0, sizeof(u));
	memset(&s, 0, sizeof(s));
	assert_int_equal(record_put_user(&u, &text), -1);
	assert_int_equal(record_put_session(&s, &text), -1);
	u.name[0] = s.user[0] = 'a';
	assert_int_equal(record_put_user(&u, &text), 0);
	assert_int_equal(record_put_session(&s, &text), 0);
	u.created_s = -1;
	s.idle_s = -1;
	assert_int_equal(record_put_user(&u, &text), -1);
	assert_int_equal(record_put_session(&s, &text), -1);
	buf_fini(&text);
}

static void
test_end(void **state)
{
	struct record_session r;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.seen_s = 1000;
	r.idle_s = 100;
	r.expires_s = 5000;
	assert_int_equal(record_session_end_s(&r), 1100);
	r.seen_s = 4950;
	assert_int_equal(record_session_end_s(&r), 5000);
	r.expires_s = 0;
	assert_int_equal(record_session_end_s(&r), 5050);
	r.idle_s = 0;
	assert_true(record_session_end_s(&r) == INT64_MAX);
	r.expires_s = 5000;
	assert_int_equal(record_session_end_s(&r), 5000);
	r.idle_s = INT64_MAX;
	assert_int_equal(record_session_end_s(&r), 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_user),
	    cmocka_unit_test(test_session),
	    cmocka_unit_test(test_throttle),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_unknown_key),
	    cmocka_unit_test(test_alphabet),
	    cmocka_unit_test(test_any_order),
	    cmocka_unit_test(test_put_refuses),
	    cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
