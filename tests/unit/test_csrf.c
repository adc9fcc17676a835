#include "fcgi-app/csrf.h"

#include "auth/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct keyring keys;
static const struct config_list no_origins = {NULL, 0};

static int
setup(void **state)
{
	(void)state;
	if (crypto_init() == -1)
		return -1;
	keys.n = 1;
	memcpy(keys.keys[0].kid, "k1", 3);
	memset(keys.keys[0].secret, 7, sizeof(keys.keys[0].secret));
	keys.keys[0].state = KEYRING_CURRENT;
	return 0;
}

static void
test_source(void **state)
{
	static const struct {
		const char *site, *origin;
		bool is_own;
	} table[] = {
	    {NULL, NULL, true},
	    {"same-origin", NULL, true},
	    {"none", NULL, true},
	    {"same-site", NULL, true},
	    {"cross-site", NULL, false},
	    {"cross-site", "http://chat.example", false},
	    {"Same-Origin", NULL, false},
	    {"", NULL, false},
	    {"same-origin, cross-site", NULL, false},
	    {NULL, "http://chat.example", true},
	    {"same-origin", "http://chat.example", true},
	    {NULL, "https://chat.example", false},
	    {"same-site", "http://evil.chat.example", false},
	    {"same-origin", "http://evil.example", false},
	    {NULL, "null", false},
	    {NULL, "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct request req = {.host = "chat.example",
		    .fetch_site = table[i].site,
		    .origin = table[i].origin};
		if (csrf_is_own_source(&req, &no_origins) != table[i].is_own)
			fail_msg("row %zu", i);
	}
}

static void
test_configured_origin(void **state)
{
	char own[] = "https://chat.example";
	char *items[] = {own};
	const struct config_list origins = {items, 1};
	struct request req = {
	    .host = "evil.example", .origin = "http://evil.example"};

	(void)state;
	assert_false(csrf_is_own_source(&req, &origins));
	req.origin = "https://chat.example";
	assert_true(csrf_is_own_source(&req, &origins));
}

/* A request with one cookie header. */
static void
request_with(struct request *req, bool is_https, const char *cookie)
{
	memset(req, 0, sizeof(*req));
	req->is_https = is_https;
	if (cookie == NULL)
		return;
	req->cookies[0].bytes = cookie;
	req->cookies[0].n = strlen(cookie);
	req->n_cookies = 1;
}

static void
test_cookie_is_kept(void **state)
{
	struct request req;
	struct response resp;
	uint8_t first[TOKEN_ID_BYTES], again[TOKEN_ID_BYTES];
	char token[TOKEN_SIZE];
	char cookie[256];

	(void)state;
	response_init(&resp);
	request_with(&req, true, NULL);
	assert_false(csrf_find(&keys, &req, first));
	csrf_begin(&keys, &req, &resp, first);
	token_make(&keys, TOKEN_CSRF, first, token);
	snprintf(
	    cookie, sizeof(cookie), "x=y; " CSRF_COOKIE_HTTPS "=%s", token);
	assert_non_null(strstr(buf_str(&resp.headers), token));
	assert_non_null(strstr(buf_str(&resp.headers), "; Secure"));

	/* The next tab gets the same and sets nothing. */
	response_reset(&resp);
	request_with(&req, true, cookie);
	csrf_begin(&keys, &req, &resp, again);
	assert_memory_equal(first, again, sizeof(first));
	assert_int_equal(resp.headers.len, 0);
	response_fini(&resp);
}

static void
test_cookie_refused(void **state)
{
	const uint8_t id[TOKEN_ID_BYTES] = {1};
	uint8_t out[TOKEN_ID_BYTES];
	char token[TOKEN_SIZE];
	char cookie[512];
	struct request req;

	(void)state;
	/* The http name over https, and the other way round. */
	token_make(&keys, TOKEN_CSRF, id, token);
	snprintf(cookie, sizeof(cookie), CSRF_COOKIE_HTTP "=%s", token);
	request_with(&req, true, cookie);
	assert_false(csrf_find(&keys, &req, out));
	request_with(&req, false, cookie);
	assert_true(csrf_find(&keys, &req, out));
	assert_memory_equal(out, id, sizeof(id));
	/* Twice. */
	snprintf(cookie, sizeof(cookie),
	    CSRF_COOKIE_HTTP "=%s; " CSRF_COOKIE_HTTP "=%s", token, token);
	request_with(&req, false, cookie);
	assert_false(csrf_find(&keys, &req, out));
	/* A session's token does not stand in. */
	token_make(&keys, TOKEN_SESSION, id, token);
	snprintf(cookie, sizeof(cookie), CSRF_COOKIE_HTTP "=%s", token);
	request_with(&req, false, cookie);
	assert_false(csrf_find(&keys, &req, out));
	/* Forged. */
	token_make(&keys, TOKEN_CSRF, id, token);
	token[strlen(token) - 2] ^= 1;
	snprintf(cookie, sizeof(cookie), CSRF_COOKIE_HTTP "=%s", token);
	request_with(&req, false, cookie);
	assert_false(csrf_find(&keys, &req, out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_source),
	    cmocka_unit_test(test_configured_origin),
	    cmocka_unit_test(test_cookie_is_kept),
	    cmocka_unit_test(test_cookie_refused),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
