/* fcgi-app/device: which accounts a browser is known to. */
#include "fcgi-app/device.h"

#include "auth/crypto.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct keyring keys;
static struct buf cookie; /* what the browser holds, "NAME=VALUE" */
static struct request req;

static void
set_key(struct keyring_key *key, const char *kid, int fill)
{
	memset(key, 0, sizeof(*key));
	snprintf(key->kid, sizeof(key->kid), "%s", kid);
	memset(key->secret, fill, sizeof(key->secret));
}

static int
setup(void **state)
{
	(void)state;
	if (crypto_init() == -1)
		return -1;
	memset(&keys, 0, sizeof(keys));
	set_key(&keys.keys[0], "k1", 7);
	keys.n = 1;
	memset(&req, 0, sizeof(req));
	buf_init(&cookie);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&cookie);
	return 0;
}

/* Shows the cookie from now on. */
static void
show(void)
{
	req.cookies[0].bytes = buf_str(&cookie);
	req.cookies[0].n = cookie.len;
	req.n_cookies = 1;
}

/* Signs in, and keeps what is set; its attributes. */
static const char *
sign_in(const char *name)
{
	static char attributes[128];
	struct response resp;
	const char *line;

	response_init(&resp);
	device_remember(&keys, &req, &resp, name, strlen(name));
	assert_false(resp.is_spoiled);
	line = buf_str(&resp.headers);
	assert_memory_equal(line, "Set-Cookie: ", 12);
	line += 12;
	size_t n = strcspn(line, ";");
	buf_reset(&cookie);
	buf_append(&cookie, line, n);
	snprintf(attributes, sizeof(attributes), "%s", line + n);
	response_fini(&resp);
	show();
	return attributes;
}

static bool
knows(const char *name)
{
	uint8_t id[TOKEN_ID_BYTES];

	return device_knows(&keys, &req, name, strlen(name), id);
}

static size_t
accounts(void)
{
	size_t n = 0;

	for (const char *p = buf_str(&cookie); *p != '\0'; p++)
		n += *p == '~';
	return n;
}

static void
test_cookie(void **state)
{
	(void)state;
	assert_string_equal(sign_in("alice"),
	    "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax\r\n");
	assert_memory_equal(cookie.data, "gatecast-device=v1.k1.", 22);
	req.is_https = true;
	assert_false(knows("alice")); /* the other name */
	assert_string_equal(sign_in("alice"),
	    "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; "
	    "Secure\r\n");
	assert_memory_equal(cookie.data, "__Host-gatecast-device=v1.k1.", 29);
	assert_true(knows("alice"));
}

static void
test_accounts(void **state)
{
	uint8_t first[TOKEN_ID_BYTES], id[TOKEN_ID_BYTES];

	(void)state;
	assert_false(knows("alice"));
	sign_in("alice");
	assert_true(device_knows(&keys, &req, "ALICE", 5, first));
	assert_false(knows("bob"));
	assert_false(knows("not a name!"));
	assert_false(knows(""));
	sign_in("bob");
	sign_in("carol");
	sign_in("Alice");
	assert_int_equal(accounts(), 3);
	sign_in("dave");
	assert_int_equal(accounts(), 4);
	sign_in("erin");
	assert_int_equal(accounts(), 4);
	/* Who signed in least lately is forgotten. */
	assert_false(knows("bob"));
	assert_true(knows("carol") && knows("dave") && knows("erin"));
	/* It is one browser all the time. */
	assert_true(device_knows(&keys, &req, "alice", 5, id));
	assert_memory_equal(id, first, sizeof(id));
}

static void
test_rotation(void **state)
{
	(void)state;
	sign_in("alice");
	sign_in("bob");
	keys.keys[1] = keys.keys[0];
	set_key(&keys.keys[0], "k2", 8);
	keys.n = 2;
	assert_true(knows("alice"));
	sign_in("alice");
	/* The old key is retired: what it signed is void. */
	keys.n = 1;
	assert_true(knows("alice"));
	assert_false(knows("bob"));
}

static void
test_altered(void **state)
{
	char text[512];
	size_t n;

	(void)state;
	sign_in("alice");
	n = cookie.len;
	assert_true(n < sizeof(text));
	memcpy(text, cookie.data, n);
	req.cookies[0].bytes = text;
	for (size_t i = strlen("gatecast-device="); i < n; i++) {
		text[i] ^= 1;
		assert_false(knows("alice"));
		text[i] ^= 1;
	}
	for (size_t i = 0; i < n; i++) {
		req.cookies[0].n = i;
		assert_false(knows("alice"));
	}
	req.cookies[0].n = n;
	assert_true(knows("alice"));
	/* Twice is nobody's. */
	req.cookies[1] = req.cookies[0];
	req.n_cookies = 2;
	assert_false(knows("alice"));
}

/* Another purpose's token, another browser's binding, too many of them. */
static void
test_mixed(void **state)
{
	char session[TOKEN_SIZE], bind[64];
	uint8_t id[TOKEN_ID_BYTES] = {1};

	(void)state;
	sign_in("alice");
	snprintf(bind, sizeof(bind), "%s", strchr(buf_str(&cookie), '~'));
	token_make(&keys, TOKEN_SESSION, id, session);
	buf_reset(&cookie);
	buf_printf(&cookie, "gatecast-device=%s%s", session, bind);
	show();
	assert_false(knows("alice"));
	token_make(&keys, TOKEN_DEVICE, id, session);
	buf_reset(&cookie);
	buf_printf(&cookie, "gatecast-device=%s%s", session, bind);
	show();
	assert_false(knows("alice"));
	buf_reset(&cookie);
	buf_printf(&cookie, "gatecast-device=%s", session);
	show();
	assert_false(knows("alice"));
	sign_in("alice");
	snprintf(bind, sizeof(bind), "%s", strchr(buf_str(&cookie), '~'));
	for (int i = 0; i < 3; i++)
		buf_puts(&cookie, bind);
	show();
	assert_true(knows("alice"));
	buf_puts(&cookie, bind);
	show();
	assert_false(knows("alice"));
	/* What is no binding is not handed on. */
	sign_in("alice");
	buf_printf(&cookie, "~%.43s",
	    "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!");
	show();
	sign_in("alice");
	assert_int_equal(accounts(), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_cookie),
	    CASE(test_accounts),
	    CASE(test_rotation),
	    CASE(test_altered),
	    CASE(test_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
