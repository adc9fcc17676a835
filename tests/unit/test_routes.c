#include "fcgi-app/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_find(void **state)
{
	static const char *const paths[] = {"/", "/index", "/login", "/logout",
	    "/session", "/account", "/account/password",
	    "/account/sessions/revoke"};
	static const char *const none[] = {"", "login", "/login/", "//login",
	    "/Login", "/index.html", "/logi", "/loginx", "/../login",
	    "/account/", "/account/sessions"};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct route *r = routes_find("", paths[i], "");
		assert_non_null(r);
		assert_string_equal(r->path, paths[i]);
		/* Behind a mount point. */
		assert_ptr_equal(routes_find("", "/cgi-bin/x", paths[i]), r);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(routes_find("", none[i], none[i]));
	/* The whole path goes first. */
	assert_string_equal(
	    routes_find("", "/login", "/index")->path, "/login");
}

static void
test_allow(void **state)
{
	static const struct {
		const char *path, *allow;
	} table[] = {
	    {"/login", "GET, HEAD, POST"},
	    {"/logout", "POST"},
	    {"/account", "GET, HEAD"},
	    {"/account/password", "POST"},
	    {"/account/sessions/revoke", "POST"},
	    {"/", "GET, HEAD"},
	    {"/session", "GET, HEAD"},
	};
	char allow[ROUTES_ALLOW_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		routes_allow(routes_find("", table[i].path, ""), allow);
		assert_string_equal(allow, table[i].allow);
	}
}

static void
test_below_prefix(void **state)
{
	static const char *const none[] = {"/login", "/gate", "/gatelogin",
	    "/gate/gate/login", "/Gate/login", "", "/"};

	(void)state;
	assert_string_equal(
	    routes_find("/gate", "/gate/login", "")->path, "/login");
	assert_string_equal(routes_find("/gate", "/gate/", "")->path, "/");
	/* PATH_INFO may be the whole path, which is no way around. */
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(routes_find("/gate", none[i], none[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_allow),
	    cmocka_unit_test(test_below_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
