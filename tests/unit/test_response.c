#include "fcgi-app/response.h"
#include "fcgi-app/set_cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct response r;
static struct buf out;

static int
setup(void **state)
{
	(void)state;
	response_init(&r);
	buf_init(&out);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	response_fini(&r);
	buf_fini(&out);
	return 0;
}

static const char *
write_for(const char *host, bool is_https, bool is_head)
{
	const struct response_site site = {host, is_https};

	buf_reset(&out);
	assert_int_equal(response_write(&r, &site, is_head, &out), 0);
	return buf_str(&out);
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void
assert_protected(const char *text)
{
	assert_has(text,
	    "Content-Security-Policy: default-src 'none'; script-src 'self'");
	assert_has(text, "frame-ancestors 'none'\r\n");
	assert_has(text, "X-Content-Type-Options: nosniff\r\n");
	assert_has(text, "X-Frame-Options: DENY\r\n");
	assert_has(text, "Referrer-Policy: same-origin\r\n");
	assert_has(text, "Cache-Control: no-store\r\n");
}

static void
test_page(void **state)
{
	(void)state;
	buf_puts(&r.body, "page");
	const char *text = write_for("chat.example:8080", false, false);
	assert_int_equal(strncmp(text, "Status: 200 OK\r\n", 16), 0);
	assert_has(text, "Content-Type: text/html; charset=utf-8\r\n");
	assert_has(text, "Content-Length: 4\r\n");
	assert_has(text,
	    "connect-src 'self' ws://chat.example:8080 "
	    "wss://chat.example:8080; form-action");
	assert_has(text, "\r\n\r\npage");
	assert_protected(text);
	/* https has no use for ws: */
	text = write_for("chat.example", true, false);
	assert_null(strstr(text, "ws://"));
	assert_has(text, "connect-src 'self' wss://chat.example;");
}

static void
test_head(void **state)
{
	(void)state;
	buf_puts(&r.body, "page");
	const char *text = write_for(NULL, false, true);
	assert_has(text, "Content-Length: 4\r\n");
	assert_has(text, "Content-Type: text/html");
	assert_null(strstr(text, "page"));
	assert_has(text, "connect-src 'self'; ");
	assert_protected(text);
}

static void
test_redirect(void **state)
{
	(void)state;
	buf_puts(&r.body, "dropped");
	assert_int_equal(response_redirect(&r, "/index?a=b"), 0);
	const char *text = write_for(NULL, false, false);
	assert_has(text, "Status: 303 See Other\r\n");
	assert_has(text, "Location: /index?a=b\r\n");
	assert_has(text, "Content-Length: 0\r\n");
	assert_null(strstr(text, "\r\nContent-Type:"));
	assert_null(strstr(text, "dropped"));
	assert_protected(text);
}

static void
test_injection(void **state)
{
	static const char *const bad[] = {"a\r\nSet-Cookie: x=y", "a\nb",
	    "a\rb", "a\tb", "\x7f", "\x01", "\xe4\xbd\xa0"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		response_reset(&r);
		buf_puts(&r.body, "secret page");
		assert_int_equal(response_header(&r, "Location", bad[i]), -1);
		const char *text = write_for(NULL, false, false);
		assert_has(text, "Status: 500 ");
		assert_null(strstr(text, "Set-Cookie"));
		assert_null(strstr(text, "secret"));
		assert_null(strstr(text, "Location"));
		assert_protected(text);
	}
	response_reset(&r);
	assert_int_equal(response_header(&r, "X\r\nY", "a"), -1);
	response_reset(&r);
	assert_int_equal(response_header(&r, "", "a"), -1);
	response_reset(&r);
	assert_int_equal(response_header(&r, "X:", "a"), -1);
	/* What is spoiled stays so. */
	assert_int_equal(response_header(&r, "X", "a"), 0);
	assert_has(write_for(NULL, false, false), "Status: 500 ");
}

static void
test_host(void **state)
{
	static const char *const good[] = {"a", "chat.example", "CHAT.example",
	    "127.0.0.1", "localhost:8080", "[::1]", "[::1]:8080", "x_y",
	    "[::ffff:1.2.3.4]:1"};
	static const char *const bad[] = {"", ":80", "a:", "a:b", "a:123456",
	    "a b", "a;b", "a,b", "a'b", "a/b", "a\"", "*", "a:80;x", "[::1",
	    "[]", "[x]", "::1", "[::1]x", "[::1]:", "a:80:80", "a\n", "a;",
	    "a 'unsafe-inline'", "\xe4\xbd\xa0"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!response_is_host(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (response_is_host(bad[i]))
			fail_msg("%s", bad[i]);
		assert_has(
		    write_for(bad[i], false, false), "connect-src 'self'; ");
	}
}

static void
test_cookie(void **state)
{
	(void)state;
	set_cookie(&r, "__Host-a", "v1.x", 60, true);
	set_cookie(&r, "b", "", SET_COOKIE_DELETE, false);
	set_cookie(&r, "c", "1", SET_COOKIE_SESSION, false);
	const char *text = write_for(NULL, false, false);
	assert_has(text,
	    "Set-Cookie: __Host-a=v1.x; Path=/; Max-Age=60; HttpOnly; "
	    "SameSite=Lax; Secure\r\n");
	assert_has(text,
	    "Set-Cookie: b=; Path=/; Max-Age=0; HttpOnly; "
	    "SameSite=Lax\r\n");
	assert_has(text, "Set-Cookie: c=1; Path=/; HttpOnly; SameSite=Lax\r\n");
	assert_int_equal(
	    set_cookie(&r, "d", "x; Domain=y", SET_COOKIE_SESSION, true), -1);
	assert_has(write_for(NULL, false, false), "Status: 500 ");
}

/* What a web server may put beside the headers of the page it lets through. */
static void
test_pass(void **state)
{
	(void)state;
	r.is_pass = true;
	assert_int_equal(
	    response_header_utf8(&r, "Variable-REMOTE_USER", "李雷"), 0);
	assert_string_equal(write_for("chat.example", true, false),
	    "Status: 200 OK\r\nVariable-REMOTE_USER: 李雷\r\n\r\n");
	response_header(&r, "Variable-REMOTE_USER", "a\nb");
	assert_has(write_for("chat.example", true, false), "Status: 500 ");
	assert_protected(buf_str(&out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_head, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_redirect, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_injection, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pass, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_host, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cookie, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
