/* Which requests are for a page. The rest of the gate is in test_gate.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi-app/gate.h"

static void
test_is_page(void **state)
{
#define CHROME "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	static const struct {
		const char *mode, *accept, *with, *upgrade;
		bool is_page;
	} cases[] = {
	    {"navigate", CHROME, NULL, NULL, true},
	    {"navigate", "*/*", NULL, NULL, true},
	    {"navigate", NULL, NULL, NULL, true},
	    {"cors", CHROME, NULL, NULL, false},
	    {"same-origin", "text/html", NULL, NULL, false},
	    {"no-cors", "image/webp,*/*", NULL, NULL, false},
	    {"websocket", "*/*", NULL, "websocket", false},
	    {"", "text/html", NULL, NULL, false},
	    {"Navigate", "text/html", NULL, NULL, false},
	    {NULL, CHROME, NULL, NULL, true},
	    {NULL, "text/html", NULL, NULL, true},
	    {NULL, "application/xhtml+xml, text/html;q=0.9", NULL, NULL, true},
	    {NULL, "*/* , text/html", NULL, NULL, true},
	    {NULL, CHROME, "XMLHttpRequest", NULL, false},
	    {NULL, CHROME, NULL, "websocket", false},
	    {NULL, NULL, NULL, NULL, false},
	    {NULL, "", NULL, NULL, false},
	    {NULL, "*/*", NULL, NULL, false},
	    {NULL, "text/*", NULL, NULL, false},
	    {NULL, "text/event-stream", NULL, NULL, false},
	    {NULL, "application/json", NULL, NULL, false},
	    {NULL, "text/htmlx", NULL, NULL, false},
	    {NULL, "x;text/html", NULL, NULL, false},
	    {NULL, "image/avif,image/webp", NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct request req = {.fetch_mode = cases[i].mode,
		    .accept = cases[i].accept,
		    .requested_with = cases[i].with,
		    .upgrade = cases[i].upgrade};
		if (gate_is_page(&req) != cases[i].is_page)
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
