#include "fcgi-app/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct request req;

static enum request_err
parse(const char *const *params)
{
	return request_parse((char *const *)(uintptr_t)params, &req);
}

/* Parses these parameters; NULL ends them. */
#define PARSE(...) parse((const char *const[]){__VA_ARGS__})

static void
test_fields(void **state)
{
	(void)state;
	assert_int_equal(
	    PARSE("FCGI_ROLE=RESPONDER", "REQUEST_METHOD=POST",
		"SCRIPT_NAME=/login", "QUERY_STRING=a=b", "CONTENT_LENGTH=12",
		"CONTENT_TYPE=text/plain", "HTTP_HOST=h", "HTTP_ORIGIN=o",
		"HTTP_COOKIE=a=1", "HTTP_COOKIE=b=2", "REMOTE_ADDR=1.2.3.4",
		"HTTP_SEC_FETCH_SITE=none", "NOEQUALS", "HTTP_HOSTX=x", NULL),
	    REQUEST_OK);
	assert_int_equal(req.method, REQUEST_POST);
	assert_string_equal(req.path, "/login");
	assert_string_equal(req.query, "a=b");
	assert_string_equal(req.host, "h");
	assert_string_equal(req.origin, "o");
	assert_string_equal(req.fetch_site, "none");
	assert_int_equal(req.content_length, 12);
	assert_int_equal(req.n_cookies, 2);
	assert_memory_equal(req.cookies[1].bytes, "b=2", 3);
	assert_int_equal(req.cookies[1].n, 3);
}

static void
test_methods(void **state)
{
	static const struct {
		const char *param;
		enum request_method method;
	} table[] = {
	    {"REQUEST_METHOD=GET", REQUEST_GET},
	    {"REQUEST_METHOD=HEAD", REQUEST_HEAD},
	    {"REQUEST_METHOD=POST", REQUEST_POST},
	    {"REQUEST_METHOD=get", REQUEST_OTHER},
	    {"REQUEST_METHOD=PUT", REQUEST_OTHER},
	    {"REQUEST_METHOD=GETX", REQUEST_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(
		    PARSE(table[i].param, "SCRIPT_NAME=/", NULL), REQUEST_OK);
		assert_int_equal(req.method, table[i].method);
	}
	assert_int_equal(PARSE("SCRIPT_NAME=/", NULL), REQUEST_NO_METHOD);
	assert_int_equal(
	    PARSE("REQUEST_METHOD=", "SCRIPT_NAME=/", NULL), REQUEST_NO_METHOD);
	assert_int_equal(PARSE(NULL), REQUEST_NO_METHOD);
}

static void
assert_path(
    const char *script, const char *info, const char *uri, const char *path)
{
	assert_int_equal(
	    PARSE("REQUEST_METHOD=GET", script, info, uri, NULL), REQUEST_OK);
	assert_string_equal(req.path, path);
}

static void
test_paths(void **state)
{
	static const char no[] = "X=";

	(void)state;
	assert_path("SCRIPT_NAME=/login", no, no, "/login");
	assert_path("SCRIPT_NAME=/login", "PATH_INFO=", no, "/login");
	assert_path("SCRIPT_NAME=", "PATH_INFO=/login", no, "/login");
	assert_path("SCRIPT_NAME=/", "PATH_INFO=/login", no, "/login");
	assert_path("SCRIPT_NAME=/", "PATH_INFO=", no, "/");
	assert_path(
	    "SCRIPT_NAME=/cgi/x", "PATH_INFO=/login", no, "/cgi/x/login");
	assert_string_equal(req.path_info, "/login");
	assert_path(no, no, "REQUEST_URI=/login?a=/b", "/login");
	assert_path("SCRIPT_NAME=/a", no, "REQUEST_URI=/b", "/a");
	assert_string_equal(req.path_info, "");
	assert_int_equal(PARSE("REQUEST_METHOD=GET", NULL), REQUEST_NO_PATH);
	assert_int_equal(PARSE("REQUEST_METHOD=OPTIONS", "REQUEST_URI=*", NULL),
	    REQUEST_NO_PATH);
}

static void
test_lengths(void **state)
{
	static const struct {
		const char *param;
		enum request_err err;
		int64_t length;
	} table[] = {
	    {"CONTENT_LENGTH=", REQUEST_OK, -1},
	    {"CONTENT_LENGTH=-1", REQUEST_OK, -1},
	    {"CONTENT_LENGTH=0", REQUEST_OK, 0},
	    {"CONTENT_LENGTH=4096", REQUEST_OK, 4096},
	    {"CONTENT_LENGTH=999999999999999999", REQUEST_OK,
		999999999999999999},
	    {"CONTENT_LENGTH=9999999999999999999", REQUEST_LENGTH, 0},
	    {"CONTENT_LENGTH=-2", REQUEST_LENGTH, 0},
	    {"CONTENT_LENGTH=+1", REQUEST_LENGTH, 0},
	    {"CONTENT_LENGTH=1x", REQUEST_LENGTH, 0},
	    {"CONTENT_LENGTH= 1", REQUEST_LENGTH, 0},
	    {"CONTENT_LENGTH=0x10", REQUEST_LENGTH, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum request_err err = PARSE("REQUEST_METHOD=POST",
		    "SCRIPT_NAME=/login", table[i].param, NULL);
		if (err != table[i].err ||
		    (err == REQUEST_OK &&
			req.content_length != table[i].length))
			fail_msg("%s", table[i].param);
	}
}

static void
test_doubles(void **state)
{
	static const char *const doubles[] = {"REQUEST_METHOD", "SCRIPT_NAME",
	    "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE",
	    "REMOTE_ADDR", "HTTPS", "HTTP_HOST", "HTTP_ORIGIN",
	    "HTTP_SEC_FETCH_SITE", "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR",
	    "HTTP_X_FORWARDED_PROTO", "REQUEST_URI", "HTTP_X_ORIGINAL_URI",
	    "HTTP_X_FORWARDED_URI", "HTTP_SEC_FETCH_MODE", "HTTP_ACCEPT",
	    "HTTP_UPGRADE", "HTTP_X_REQUESTED_WITH"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		snprintf(text, sizeof(text), "%s=1", doubles[i]);
		assert_int_equal(PARSE(text, text, NULL), REQUEST_DOUBLE);
	}
}

static void
test_limits(void **state)
{
	char query[REQUEST_QUERY_MAX + 32] = "QUERY_STRING=";
	char path[REQUEST_PATH_SIZE + 32] = "SCRIPT_NAME=";
	size_t start = strlen(query);

	(void)state;
	memset(query + start, 'a', REQUEST_QUERY_MAX);
	assert_int_equal(
	    PARSE("REQUEST_METHOD=GET", "SCRIPT_NAME=/", query, NULL),
	    REQUEST_OK);
	assert_false(req.is_long);
	query[start + REQUEST_QUERY_MAX] = 'a';
	assert_int_equal(
	    PARSE("REQUEST_METHOD=GET", "SCRIPT_NAME=/", query, NULL),
	    REQUEST_OK);
	assert_true(req.is_long);
	assert_string_equal(req.query, "");
	start = strlen(path);
	memset(path + start, '/', REQUEST_PATH_SIZE - 1);
	assert_int_equal(PARSE("REQUEST_METHOD=GET", path, NULL), REQUEST_OK);
	assert_false(req.is_long);
	path[start + REQUEST_PATH_SIZE - 1] = '/';
	assert_int_equal(PARSE("REQUEST_METHOD=GET", path, NULL), REQUEST_OK);
	assert_true(req.is_long);
	assert_string_equal(req.path, "");
	/* For whom they are not too long. */
	char whole[REQUEST_PATH_SIZE + 32];
	assert_int_equal(request_join_path(&req, whole, sizeof(whole)), 0);
	assert_string_equal(whole, path + start);
	assert_int_equal(request_join_path(&req, whole, REQUEST_PATH_SIZE), -1);
	assert_int_equal(
	    PARSE("REQUEST_METHOD=GET", "SCRIPT_NAME=/", "HTTP_COOKIE=a",
		"HTTP_COOKIE=a", "HTTP_COOKIE=a", "HTTP_COOKIE=a",
		"HTTP_COOKIE=a", "HTTP_COOKIE=a", "HTTP_COOKIE=a",
		"HTTP_COOKIE=a", "HTTP_COOKIE=a", NULL),
	    REQUEST_LONG);
}

static int header = CONFIG_FORWARDED_X;

static void
settle(const struct config_list *proxies, const char *a, const char *b,
    const char *c)
{
	struct config config = {.site.trusted_proxies = *proxies};

	config.site.forwarded_header = header;
	assert_int_equal(
	    PARSE("REQUEST_METHOD=GET", "SCRIPT_NAME=/", a != NULL ? a : "X=",
		b != NULL ? b : "X=", c != NULL ? c : "X=", NULL),
	    REQUEST_OK);
	request_settle(&req, &config);
}

static void
test_settle(void **state)
{
	char proxy[] = "10.0.0.0/8";
	char *items[] = {proxy};
	const struct config_list none = {NULL, 0};
	const struct config_list some = {items, 1};

	(void)state;
	settle(&none, "REMOTE_ADDR=1.2.3.4", NULL, NULL);
	assert_false(req.is_https);
	assert_string_equal(req.address, "1.2.3.4");
	settle(&none, "HTTPS=on", "REMOTE_ADDR=1.2.3.4", NULL);
	assert_true(req.is_https);
	settle(&none, "HTTPS=off", "REMOTE_ADDR=1.2.3.4", NULL);
	assert_false(req.is_https);
	settle(&none, "HTTPS=", "REMOTE_ADDR=1.2.3.4", NULL);
	assert_false(req.is_https);
	settle(&none, "REQUEST_SCHEME=https", "REMOTE_ADDR=1.2.3.4", NULL);
	assert_true(req.is_https);

	/* A stranger's word counts for nothing. */
	settle(&some, "REMOTE_ADDR=1.2.3.4", "HTTP_X_FORWARDED_PROTO=https",
	    "HTTP_X_FORWARDED_FOR=9.9.9.9");
	assert_false(req.is_https);
	assert_string_equal(req.address, "1.2.3.4");
	/* A proxy of ours is believed, either way. */
	settle(&some, "REMOTE_ADDR=10.1.1.1", "HTTP_X_FORWARDED_PROTO=https",
	    "HTTP_X_FORWARDED_FOR=6.6.6.6, 9.9.9.9");
	assert_true(req.is_https);
	assert_string_equal(req.address, "9.9.9.9");
	settle(&some, "REMOTE_ADDR=10.1.1.1",
	    "HTTP_X_FORWARDED_PROTO=https, http", NULL);
	assert_false(req.is_https);
	settle(&some, "REMOTE_ADDR=10.1.1.1", "HTTPS=on",
	    "HTTP_X_FORWARDED_PROTO=http");
	assert_false(req.is_https);
	settle(&none, "REMOTE_ADDR=unix:", "HTTP_X_FORWARDED_PROTO=https",
	    "HTTP_X_FORWARDED_FOR=9.9.9.9");
	assert_true(req.is_https);
	assert_string_equal(req.address, "9.9.9.9");
}

/* One header is the proxy's, the other one the client's. */
static void
test_settle_forwarded(void **state)
{
	char proxy[] = "10.0.0.0/8";
	char *items[] = {proxy};
	const struct config_list some = {items, 1};
	static const char own[] =
	    "HTTP_FORWARDED=for=6.6.6.6, for=9.9.9.9;proto=https";

	(void)state;
	settle(&some, "REMOTE_ADDR=10.1.1.1", own, NULL);
	assert_string_equal(req.address, "10.1.1.1");
	assert_false(req.is_https);

	header = CONFIG_FORWARDED_RFC;
	settle(&some, "REMOTE_ADDR=10.1.1.1", own, NULL);
	assert_string_equal(req.address, "9.9.9.9");
	assert_true(req.is_https);
	settle(&some, "REMOTE_ADDR=1.2.3.4", own, NULL);
	assert_string_equal(req.address, "1.2.3.4");
	assert_false(req.is_https);
	settle(&some, "REMOTE_ADDR=10.1.1.1", "HTTP_X_FORWARDED_FOR=9.9.9.9",
	    "HTTP_X_FORWARDED_PROTO=https");
	assert_string_equal(req.address, "10.1.1.1");
	assert_false(req.is_https);
	settle(&some, "REMOTE_ADDR=10.1.1.1", "HTTPS=on",
	    "HTTP_FORWARDED=for=9.9.9.9");
	assert_true(req.is_https);
	settle(&some, "REMOTE_ADDR=10.1.1.1", "HTTPS=on",
	    "HTTP_FORWARDED=for=9.9.9.9;proto=http");
	assert_false(req.is_https);
	header = CONFIG_FORWARDED_X;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_methods),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_doubles),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_settle),
	    cmocka_unit_test(test_settle_forwarded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
