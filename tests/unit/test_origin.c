/* auth/origin: which pages may open a channel, and whose word is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "auth/address.h"
#include "auth/origin.h"

static struct config_list
list(const char **items)
{
	struct config_list l = {(char **)items, 0};

	while (items[l.n] != NULL)
		l.n++;
	return l;
}

static bool
allowed(const char *configured, const char *origin)
{
	const char *items[] = {configured, NULL};
	const struct config_list l = list(items);

	return origin_is_allowed(
	    &l, origin, strlen(origin), true, "x.example", 9);
}

static void
test_configured(void **state)
{
	static const struct {
		const char *configured, *origin;
		bool is_allowed;
	} cases[] = {
	    {"https://a.example", "https://a.example", true},
	    {"https://a.example", "HTTPS://A.Example", true},
	    {"HTTPS://A.Example", "https://a.example", true},
	    {"https://a.example:443", "https://a.example", true},
	    {"https://a.example", "https://a.example:443", true},
	    {"http://a.example", "http://a.example:80", true},
	    {"http://a.example:8080", "http://a.example:8080", true},
	    {"https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443", true},
	    {"https://[2001:db8:0:0::1]", "https://[2001:db8::1]", true},
	    {"https://a_b.example", "https://a_b.example", true},
	    /* another one */
	    {"https://a.example", "http://a.example", false},
	    {"https://a.example", "https://b.example", false},
	    {"https://a.example", "https://a.example.", false},
	    {"https://a.example", "https://xa.example", false},
	    {"https://a.example", "https://a.examplex", false},
	    {"https://a.example", "https://a.example.evil", false},
	    {"https://a.example", "https://sub.a.example", false},
	    {"https://a.example", "https://a.example:80", false},
	    {"http://a.example", "http://a.example:443", false},
	    {"http://a.example:8080", "http://a.example", false},
	    {"https://[::1]", "https://[::2]", false},
	    {"https://[::1]", "https://::1", false},
	    /* not an origin at all */
	    {"https://a.example", "", false},
	    {"null", "null", false},
	    {"https://a.example", "null", false},
	    {"https://a.example", "a.example", false},
	    {"https://a.example", "https:a.example", false},
	    {"https://a.example", "https:/a.example", false},
	    {"https://a.example", "//a.example", false},
	    {"https://a.example", "://a.example", false},
	    {"https://a.example", "https://a.example/", false},
	    {"https://a.example/", "https://a.example", false},
	    {"https://a.example", "https://a.example?", false},
	    {"https://a.example", "https://a.example#", false},
	    {"https://a.example", "https://a.example\\", false},
	    {"https://a.example", "https://u@a.example", false},
	    {"https://a.example", "https://a.example:443@b", false},
	    {"https://a.example", "https://a.example:", false},
	    {"https://a.example", "https://a.example:0443", false},
	    {"https://a.example", "https://a.example:+443", false},
	    {"https://a.example", "https://a.example:65979", false},
	    {"https://a.example", "https://a.example:4294967739", false},
	    {"https://a.example:0", "https://a.example", false},
	    {"https://a.example", "https://a.example ", false},
	    {"https://a.example", " https://a.example", false},
	    {"https://a.example", "https://a.example https://b.example", false},
	    {"https://a.example", "https://b.example https://a.example", false},
	    {"https://a.example", "https://a.example,https://a.example", false},
	    {"https://[::1]", "https://[::1", false},
	    {"https://[::1]", "https://[::1]x", false},
	    {"https://[::1]", "https://[]", false},
	    {"https://[fe80::1%25eth0]", "https://[fe80::1%25eth0]", false},
	    {"*", "https://a.example", false},
	    {"https://*", "https://a.example", false},
	    {"https://*.example", "https://a.example", false},
	    {"https://", "https://", false},
	    {"", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool got = allowed(cases[i].configured, cases[i].origin);
		if (got != cases[i].is_allowed)
			fail_msg("%s asked by %s: %d", cases[i].configured,
			    cases[i].origin, got);
	}
}

static void
test_bytes(void **state)
{
	const char *items[] = {"https://b.example", "https://a.example", NULL};
	const struct config_list l = list(items);
	char longer[400];

	(void)state;
	assert_true(
	    origin_is_allowed(&l, "https://a.example", 17, false, "x", 1));
	assert_true(
	    origin_is_allowed(&l, "https://b.example", 17, false, "x", 1));
	assert_false(
	    origin_is_allowed(&l, "https://a.example\0", 18, false, "x", 1));
	assert_false(origin_is_allowed(
	    &l, "https://a.example\0.evil", 23, false, "x", 1));
	/* no word of the request's own Host when origins are configured */
	assert_false(origin_is_allowed(&l, "https://x", 9, true, "x", 1));
	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "https://", 8);
	assert_false(
	    origin_is_allowed(&l, longer, sizeof(longer), true, "x", 1));
	memcpy(longer, "https://[::1", 12);
	assert_false(
	    origin_is_allowed(&l, longer, sizeof(longer), true, "x", 1));
	memset(longer, 'a', sizeof(longer));
	memcpy(longer + 50, "://x", 4);
	assert_false(origin_is_allowed(&l, longer, 54, true, "x", 1));
}

static void
test_own_host(void **state)
{
	static const struct config_list none = {NULL, 0};
	static const struct {
		const char *origin;
		bool is_https;
		const char *host;
		bool is_allowed;
	} cases[] = {
	    {"https://a.example", true, "a.example", true},
	    {"https://a.example", true, "A.EXAMPLE", true},
	    {"https://a.example", true, "a.example:443", true},
	    {"https://a.example:8443", true, "a.example:8443", true},
	    {"http://127.0.0.1:8080", false, "127.0.0.1:8080", true},
	    {"http://[::1]:8080", false, "[::1]:8080", true},
	    {"https://a.example", false, "a.example", false},
	    {"http://a.example", true, "a.example", false},
	    {"https://a.example", true, "b.example", false},
	    {"https://a.example:8443", true, "a.example", false},
	    {"https://a.example", true, "", false},
	    {"https://a.example", true, "a.example/", false},
	    {"https://a.example", true, "u@a.example", false},
	    {"https://a.example", true, "a.example:", false},
	    {"null", true, "null", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool got = origin_is_allowed(&none, cases[i].origin,
		    strlen(cases[i].origin), cases[i].is_https, cases[i].host,
		    strlen(cases[i].host));
		if (got != cases[i].is_allowed)
			fail_msg("%s at %s: %d", cases[i].origin, cases[i].host,
			    got);
	}
	assert_false(origin_is_allowed(&none, "https://a", 9, true, "a\0", 2));
}

static void
test_trusted(void **state)
{
	static const struct {
		const char *item, *peer;
		bool is_trusted;
	} cases[] = {
	    {"127.0.0.1", "127.0.0.1", true},
	    {"127.0.0.1", "127.0.0.2", false},
	    {"127.0.0.1", "::ffff:127.0.0.1", true},
	    {"::ffff:127.0.0.1", "127.0.0.1", true},
	    {"::ffff:10.0.0.0/104", "10.1.2.3", true},
	    {"::ffff:10.0.0.0/104", "11.1.2.3", false},
	    {"10.0.0.0/8", "10.255.255.255", true},
	    {"10.0.0.0/8", "::ffff:10.1.1.1", true},
	    {"10.0.0.0/8", "11.0.0.0", false},
	    {"10.1.2.3/8", "10.9.9.9", true},
	    {"192.168.1.128/25", "192.168.1.128", true},
	    {"192.168.1.128/25", "192.168.1.127", false},
	    {"192.168.1.4/30", "192.168.1.7", true},
	    {"192.168.1.4/30", "192.168.1.8", false},
	    {"192.168.1.4/32", "192.168.1.4", true},
	    {"0.0.0.0/0", "203.0.113.9", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"::/0", "2001:db8::1", true},
	    {"::/0", "203.0.113.9", false},
	    {"2001:db8::/32", "2001:db8:ffff::1", true},
	    {"2001:db8::/32", "2001:db9::1", false},
	    {"2001:db8::/33", "2001:db8:8000::1", false},
	    {"::1", "::1", true},
	    {"::1", "0:0:0:0:0:0:0:1", true},
	    {"::1/128", "::2", false},
	    {"unix", "127.0.0.1", false},
	    /* malformed ones trust nobody */
	    {"10.0.0.0/33", "10.0.0.0", false},
	    {"10.0.0.0/", "10.0.0.0", false},
	    {"10.0.0.0/-1", "10.0.0.0", false},
	    {"10.0.0.0/08", "10.0.0.0", false},
	    {"10.0.0.0/8x", "10.0.0.0", false},
	    {"10.0.0/8", "10.0.0.0", false},
	    {"010.0.0.0/8", "10.0.0.0", false},
	    {"::1/129", "::1", false},
	    {"", "127.0.0.1", false},
	    {"localhost", "127.0.0.1", false},
	    {"127.0.0.1", "", false},
	    {"127.0.0.1", "localhost", false},
	    {"127.0.0.1", "127.0.0.1 ", false},
	    {"127.0.0.1", "127.0.0.1:80", false},
	};
	static const struct config_list none = {NULL, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *items[] = {"192.0.2.1", cases[i].item, NULL};
		const struct config_list l = list(items);
		bool got = address_is_trusted_proxy(&l, cases[i].peer);
		if (got != cases[i].is_trusted)
			fail_msg(
			    "%s in %s: %d", cases[i].peer, cases[i].item, got);
	}
	assert_true(address_is_trusted_proxy(&none, "unix"));
	assert_false(address_is_trusted_proxy(&none, "127.0.0.1"));
}

static void
test_client(void **state)
{
	static const struct {
		const char *peer, *forwarded_for, *client;
	} cases[] = {
	    /* not a proxy of ours: its word is nothing */
	    {"203.0.113.9", "", "203.0.113.9"},
	    {"203.0.113.9", "198.51.100.1", "203.0.113.9"},
	    {"::ffff:203.0.113.9", "198.51.100.1", "203.0.113.9"},
	    {"2001:DB8:0::1", "", "2001:db8::1"},
	    {"nonsense", "198.51.100.1", "unknown"},
	    {"", "198.51.100.1", "unknown"},
	    /* ours */
	    {"10.0.0.1", "", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
	    {"10.0.0.1", " 198.51.100.1\t", "198.51.100.1"},
	    {"10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"},
	    {"10.0.0.1", "192.0.2.66,198.51.100.1,10.0.0.2", "198.51.100.1"},
	    {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
	    {"10.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
	    {"10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"},
	    {"10.0.0.1", "[2001:db8::1]", "2001:db8::1"},
	    {"10.0.0.1", "2001:db8::1", "2001:db8::1"},
	    {"10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
	    {"unix", "", "unix"},
	    {"unix", "198.51.100.1", "198.51.100.1"},
	    {"unix", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
	    /* what cannot be read ends the walk at the last hop known */
	    {"10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"},
	    {"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
	    {"10.0.0.1", ",", "10.0.0.1"},
	    {"10.0.0.1", "[10.0.0.5]", "10.0.0.1"},
	    {"10.0.0.1", "[2001:db8::1", "10.0.0.1"},
	    {"10.0.0.1", "[2001:db8::1]x", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1:", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1:99999", "10.0.0.1"},
	};
	const char *items[] = {"10.0.0.0/8", "bad", NULL};
	const struct config_list l = list(items);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[ADDRESS_SIZE];

		address_of_client(&l, cases[i].peer, cases[i].forwarded_for,
		    strlen(cases[i].forwarded_for), out);
		if (strcmp(out, cases[i].client) != 0)
			fail_msg("%s for %s: %s", cases[i].peer,
			    cases[i].forwarded_for, out);
	}
	char out[ADDRESS_SIZE];
	address_of_client(&l, "10.0.0.1", "1.2.3.4\0", 8, out);
	assert_string_equal(out, "10.0.0.1");
	address_of_client(&l, "10.0.0.1", NULL, 0, out);
	assert_string_equal(out, "10.0.0.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_configured),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_own_host),
	    cmocka_unit_test(test_trusted),
	    cmocka_unit_test(test_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
