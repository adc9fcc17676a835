/*
 * The forms of words: what is taken, and what stands near it and is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/config_form.h"

#include <stdio.h>
#include <string.h>

static void
listeners(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_unix;
		bool is_tcp;
	} table[] = {
	    {"unix:/a", true, false},
	    {"unix:/run/x/y.sock", true, false},
	    {"unix:/a b", true, false},
	    {"unix:", false, false},
	    {"unix:a", false, false},
	    {"unix:/", false, false},
	    {"unix:/a/", false, false},
	    {"UNIX:/a", false, false},
	    {"/a", false, false},
	    {"127.0.0.1:8080", false, true},
	    {"localhost:1", false, true},
	    {"a-b.example.org:65535", false, true},
	    {"[::1]:80", false, true},
	    {"[::]:80", false, true},
	    {"", false, false},
	    {"80", false, false},
	    {":80", false, false},
	    {"*:80", false, false},
	    {"127.0.0.1", false, false},
	    {"127.0.0.1:", false, false},
	    {"127.0.0.1:0", false, false},
	    {"127.0.0.1:080", false, false},
	    {"127.0.0.1:65536", false, false},
	    {"127.0.0.1:-1", false, false},
	    {"127.0.0.1:http", false, false},
	    {"127.0.0:80", false, false},
	    {"256.0.0.1:80", false, false},
	    {"a..b:80", false, false},
	    {".a:80", false, false},
	    {"a b:80", false, false},
	    {"::1:80", false, false},
	    {"[::1]", false, false},
	    {"[::1]80", false, false},
	    {"[::1:80", false, false},
	    {"[]:80", false, false},
	    {"[:80", false, false},
	    {"[127.0.0.1]:80", false, false},
	    {"[::g]:80", false, false},
	    {"user@host:80", false, false},
	    {"http://a:80", false, false},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char word[64];
		snprintf(word, sizeof(word), "%s", table[i].text);
		if (config_form_unix(word) != table[i].is_unix ||
		    config_form_tcp(word) != table[i].is_tcp)
			fail_msg("%s", word);
		assert_int_equal(config_form_listen(word),
		    table[i].is_unix || table[i].is_tcp);
		assert_string_equal(word, table[i].text);
	}
	/* sun_path has 108 bytes, one of them for the NUL. */
	char path[5 + 108 + 1];
	memset(path, 'p', sizeof(path));
	memcpy(path, "unix:/", 6);
	path[5 + 107] = '\0';
	assert_true(config_form_unix(path));
	path[5 + 107] = 'p';
	path[5 + 108] = '\0';
	assert_false(config_form_unix(path));
}

static void
loopback(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "127.0.0.1:1", "127.8.9.10:9100", "[::1]:9100", "localhost:9100"};
	static const char *const bad[] = {"0.0.0.0:1", "128.0.0.1:1", "[::]:1",
	    "[::2]:1", "[::ffff:192.0.2.1]:1", "localhost", "127.0.0.1",
	    "127.example.org:1", "localhost.example.org:1", "*:1",
	    "a-name-that-is-longer-than-any-numeric-address-can-be.org:1"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char word[64];
		snprintf(word, sizeof(word), "%s", good[i]);
		assert_true(config_form_loopback(word));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char word[64];
		snprintf(word, sizeof(word), "%s", bad[i]);
		if (config_form_loopback(word))
			fail_msg("%s", word);
	}
}

static void
origins(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *canonical; /* NULL: refused */
	} table[] = {
	    {"https://a.example", "https://a.example"},
	    {"HTTPS://A.Example", "https://a.example"},
	    {"https://a:443", "https://a"},
	    {"http://a:80", "http://a"},
	    {"http://a:443", "http://a:443"},
	    {"https://a:80", "https://a:80"},
	    {"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
	    {"http://[::1]:8080", "http://[::1]:8080"},
	    {"https://[2001:DB8::1]", "https://[2001:db8::1]"},
	    {"a.example", NULL},
	    {"//a.example", NULL},
	    {"ws://a", NULL},
	    {"null", NULL},
	    {"*", NULL},
	    {"https://*.example", NULL},
	    {"https://", NULL},
	    {"https:///", NULL},
	    {"https://a/", NULL},
	    {"https://a/path", NULL},
	    {"https://a?q", NULL},
	    {"https://u@a", NULL},
	    {"https://a:", NULL},
	    {"https://a:0", NULL},
	    {"https://a:99999", NULL},
	    {"https://a:b", NULL},
	    {"https://::1", NULL},
	    {"https://[::1", NULL},
	    {"https://a,https://b", NULL},
	    {"https://caf\xc3\xa9", NULL},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char word[64];
		snprintf(word, sizeof(word), "%s", table[i].text);
		if (config_form_origin(word) != (table[i].canonical != NULL))
			fail_msg("%s", table[i].text);
		if (table[i].canonical != NULL)
			assert_string_equal(word, table[i].canonical);
	}
}

static void
proxies(void **state)
{
	(void)state;
	static const char *const good[] = {"unix", "10.0.0.0/8", "127.0.0.1",
	    "0.0.0.0/0", "1.2.3.4/32", "::1", "fd00::/8", "::/0", "::1/128"};
	static const char *const bad[] = {"", "Unix", "unix/8", "10.0.0.0/",
	    "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+1", "10.0.0.0/8/8",
	    "10.0.0/8", "300.0.0.0/8", "::1/129", "[::1]", "fe80::1%eth0",
	    "localhost", "/8", "*",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char word[64];
		snprintf(word, sizeof(word), "%s", good[i]);
		if (!config_form_proxy(word))
			fail_msg("%s", word);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char word[64];
		snprintf(word, sizeof(word), "%s", bad[i]);
		if (config_form_proxy(word))
			fail_msg("%s", word);
	}
}

static void
test_prefix(void **state)
{
	static const char *const good[] = {"/gate", "/a/b.c/~d_e-9", "/..."};
	static const char *const bad[] = {"", "/", "gate", "/gate/", "//gate",
	    "/a//b", "/.", "/..", "/a/../b", "/a b", "/a%20", "/a?b", "/a\"b"};
	char word[128];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		strcpy(word, good[i]);
		assert_true(config_form_prefix(word));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(word, bad[i]);
		assert_false(config_form_prefix(word));
	}
	memset(word, 'a', sizeof(word));
	word[0] = '/';
	word[100] = '\0';
	assert_true(config_form_prefix(word));
	word[100] = 'a';
	word[101] = '\0';
	assert_false(config_form_prefix(word));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_prefix),
	    cmocka_unit_test(listeners),
	    cmocka_unit_test(loopback),
	    cmocka_unit_test(origins),
	    cmocka_unit_test(proxies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
