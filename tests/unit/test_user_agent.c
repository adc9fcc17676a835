#include "fcgi-app/user_agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define KHTML "AppleWebKit/537.36 (KHTML, like Gecko) "

static void
test_table(void **state)
{
	static const struct {
		const char *agent, *browser, *system;
	} table[] = {
	    {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
	     "Firefox/128.0",
		"Firefox 128", "Linux"},
	    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " KHTML
	     "Chrome/126.0.0.0 Safari/537.36",
		"Chrome 126", "Windows"},
	    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " KHTML
	     "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
		"Edge 126", "Windows"},
	    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " KHTML
	     "Version/17.4 Safari/605.1.15",
		"Safari 17", "macOS"},
	    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) " KHTML
	     "CriOS/126.0 Mobile/15E148 Safari/604.1",
		"Chrome 126", "iPhone"},
	    {"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) " KHTML
	     "Version/17.5 Mobile/15E148 Safari/604.1",
		"Safari 17", "iPad"},
	    {"Mozilla/5.0 (Linux; Android 14; Pixel 8) " KHTML
	     "Chrome/126.0.0.0 Mobile Safari/537.36",
		"Chrome 126", "Android"},
	    {"Mozilla/5.0 (Linux; Android 14) " KHTML "Version/4.0 "
	     "Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.49",
		"WeChat 8", "Android"},
	    {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " KHTML
	     "Chrome/126.0.0.0 Safari/537.36",
		"Chrome 126", "ChromeOS"},
	    {"curl/7.88.1", "curl 7", ""},
	    {"python-requests/2.28.1", "python-requests 2", ""},
	    {"Mozilla/5.0", "", ""},
	    {"", "", ""},
	    {"curl", "", ""},
	    {"/1.0", "", ""},
	    {"NotFirefox/9 (Windows)", "NotFirefox 9", "Windows"},
	    {"Firefox/", "Firefox", ""},
	    {"Firefox/12345", "Firefox", ""},
	    {"Firefox/x", "Firefox", ""},
	    {"<script>/1", "", ""},
	    {"a-product-with-much-too-long-a-name/1", "", ""},
	};
	struct user_agent ua;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		user_agent_read(table[i].agent, strlen(table[i].agent), &ua);
		assert_string_equal(ua.browser, table[i].browser);
		assert_string_equal(ua.system, table[i].system);
	}
	/* Bytes, not a string. */
	user_agent_read("Firefox/128", 10, &ua);
	assert_string_equal(ua.browser, "Firefox 12");
	user_agent_read("\0Firefox/1", 10, &ua);
	assert_string_equal(ua.browser, "Firefox 1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
