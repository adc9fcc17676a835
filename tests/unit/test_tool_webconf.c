/* Three grammars of web servers: settings, and the blocks around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_webconf.c"

#include <stdlib.h>

/* "LINE DEPTH name[value]", with c, e or o for what the blocks are. */
static int
note(void *arg, const struct tool_webconf_setting *s)
{
	buf_printf(arg, "%zu.%zu%s%s%s %s[%s] ", s->line, s->scope.depth,
	    s->scope.is_channel ? "c" : "", s->scope.is_elsewhere ? "e" : "",
	    s->scope.is_optional ? "o" : "", s->name, s->value);
	return strcmp(s->name, "stop") == 0 ? 7 : 0;
}

static int
read_all(enum tool_webconf_kind kind, const char *text, struct buf *out)
{
	const struct tool_webconf_scope top = {.depth = 0};
	size_t n = strlen(text);

	/* An exact allocation, so that ASan sees the first byte beyond it. */
	char *copy = malloc(n + !n);
	assert_non_null(copy);
	memcpy(copy, text, n);
	int rc = tool_webconf_each(kind, &top, copy, n, note, out);
	free(copy);
	return rc;
}

#define L TOOL_WEBCONF_LIGHTTPD
#define A TOOL_WEBCONF_APACHE
#define N TOOL_WEBCONF_NGINX

static void
test_settings(void **state)
{
	static const struct {
		enum tool_webconf_kind kind;
		const char *text;
		const char *want;
	} cases[] = {
	    {N, "", ""},
	    {N, "a 1;", "1.0 a[1] "},
	    {N, "a\n\t1   '2 3' ; b;", "2.0 a[1 2 3] 2.0 b[] "},
	    {N, "a 1", ""}, /* it has no end */
	    {N, "# a 1;\nb x#y;", "2.0 b[x#y] "},
	    {N, "a \"b;{}\\\"#\" c;", "1.0 a[b;{}\"# c] "},
	    {N, "a it's;", "1.0 a[it's] "},
	    {N, "a http://${h}x;b 1;", "1.0 a[http://$hx] 1.0 b[1] "},
	    {N, "http { server { a 1; } }", "1.2 a[1] "},
	    {N, "location = /websocket { a 1; } b 2;", "1.1c a[1] 1.0 b[2] "},
	    {N, "location / { a 1; location /websocket { b 2; } }",
		"1.1e a[1] 1.2c b[2] "},
	    {N, "} a 1;", "1.0 a[1] "},
	    {N, "stop; a 1;", "1.0 stop[] "},
	    {L, "a = 1\nb=\"x\"\n", "1.0 a[= 1] 2.0 b[x] "},
	    {L, "a = 1", "1.0 a[= 1] "},
	    {L, "a += ( \"b\",\n \"c\" )\nd = 2\n",
		"2.0 a[+= ( b, c )] 3.0 d[= 2] "},
	    {L, "a = (( \"b\" => \"c # d\" )) # e\n",
		"1.0 a[= (( b => c # d ))] "},
	    {L, "$HTTP[\"url\"] == \"/websocket\" {\n a = 1\n}\nb = 2\n",
		"2.1c a[= 1] 4.0 b[= 2] "},
	    {L, "$HTTP[\"url\"] !~ \"^/(static/|websocket$)\"\n{\n a = 1 }",
		"3.1e a[= 1] "},
	    {L, "$HTTP[\"host\"] == \"x\" { a = 1 }\nelse {\n b = 2\n}",
		"1.1 a[= 1] 3.1 b[= 2] "},
	    {A, "A 1\nB \"2 3\" 4", "1.0 A[1] 2.0 B[2 3 4] "},
	    {A, "A 1 \\\n\t2\nB", "2.0 A[1 2] 3.0 B[] "},
	    {A, "# A\nA #1\n", "2.0 A[#1] "},
	    {A, "<VirtualHost *:80>\nA 1\n</VirtualHost>\nB 2\n",
		"2.1 A[1] 4.0 B[2] "},
	    {A, "<Location \"/websocket\">\nA 1\n</Location>", "2.1c A[1] "},
	    {A, "<LocationMatch \"^/(?!static/|websocket$)\">\nA { 1\n",
		"2.1e A[{ 1] "},
	    {A, "<Directory />\nA\n</Directory>", "2.1e A[] "},
	    {A, "<IfModule x>\nA\n</IfModule>\nB", "2.1o A[] 4.0 B[] "},
	    {A, "A expr=\"b c\"\n", "1.0 A[expr=\"b c\"] "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;
		int rc = read_all(cases[i].kind, cases[i].text, &out);
		assert_int_equal(
		    rc, strstr(cases[i].text, "stop") != NULL ? 7 : 0);
		assert_string_equal(buf_str(&out), cases[i].want);
		buf_fini(&out);
	}
}

static void
test_outer(void **state)
{
	const struct tool_webconf_scope outer = {
	    .depth = 3, .is_channel = true};
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(
	    tool_webconf_each(N, &outer, "a; b { c; }", 11, note, &out), 0);
	assert_string_equal(buf_str(&out), "1.3c a[] 1.4c c[] ");
	buf_fini(&out);
}

/* More blocks than anybody writes: what is in them is still counted out. */
static void
test_deep(void **state)
{
	struct buf text = BUF_INIT, out = BUF_INIT;

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_puts(&text, "x {");
	buf_puts(&text, "a;");
	for (int i = 0; i < 100; i++)
		buf_puts(&text, "}");
	buf_puts(&text, "b;");
	assert_int_equal(read_all(N, buf_str(&text), &out), 0);
	assert_string_equal(buf_str(&out), "1.32 a[] 1.0 b[] ");
	buf_fini(&text);
	buf_fini(&out);
}

static void
test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: none */
	} cases[] = {
	    {"60", 60000},
	    {"= 60", 60000},
	    {"60s", 60000},
	    {"500ms", 500},
	    {"1m", 60000},
	    {"2min", 120000},
	    {"1h30m", 5400000},
	    {"1d", 86400000},
	    {"0", 0},
	    {"20 upgrade=websocket", 20000},
	    {"999999999d", TIME_MAX_MS},
	    {"", -1},
	    {"= ", -1},
	    {"s", -1},
	    {"60x", -1},
	    {"1m30", 90000},
	    {"-1", -1},
	    {"$wait", -1},
	    {"9999999999", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms;
		bool is_time = tool_webconf_time_ms(cases[i].text, &ms);
		assert_int_equal(is_time ? ms : -1, cases[i].ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_outer),
	    cmocka_unit_test(test_deep),
	    cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
