#include "auth/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
test_parse(void **state)
{
	static const struct {
		const char *header;
		enum forwarded_err err;
		size_t count;
		const char *last; /* node of the last element */
		enum forwarded_scheme scheme;
	} table[] = {
	    /* RFC 7239 §4 */
	    {"for=\"_gazonk\"", FORWARDED_OK, 1, "_gazonk", FORWARDED_UNSAID},
	    {"For=\"[2001:db8:cafe::17]:4711\"", FORWARDED_OK, 1,
		"[2001:db8:cafe::17]:4711", FORWARDED_UNSAID},
	    {"for=192.0.2.60;proto=http;by=203.0.113.43", FORWARDED_OK, 1,
		"192.0.2.60", FORWARDED_HTTP},
	    {"for=192.0.2.43, for=198.51.100.17", FORWARDED_OK, 2,
		"198.51.100.17", FORWARDED_UNSAID},
	    {"", FORWARDED_OK, 0, "", FORWARDED_UNSAID},
	    {" \t,, ,", FORWARDED_OK, 0, "", FORWARDED_UNSAID},
	    {",for=1.2.3.4,", FORWARDED_OK, 1, "1.2.3.4", FORWARDED_UNSAID},
	    {"PROTO=HTTPS;for=a", FORWARDED_OK, 1, "a", FORWARDED_HTTPS},
	    {"proto=\"https\"", FORWARDED_OK, 1, "", FORWARDED_HTTPS},
	    {"proto=gopher", FORWARDED_OK, 1, "", FORWARDED_HTTP},
	    {"for=a;secret=\"x,y;z\";host=\"h\"", FORWARDED_OK, 1, "a",
		FORWARDED_UNSAID},
	    {"for=\"a\\\"b,c\"", FORWARDED_OK, 1, "a\\\"b,c", FORWARDED_UNSAID},
	    {";for=a;;proto=https;", FORWARDED_OK, 1, "a", FORWARDED_HTTPS},
	    {"for=\"\"", FORWARDED_OK, 1, "", FORWARDED_UNSAID},
	    {"x=1;x=2", FORWARDED_OK, 1, "", FORWARDED_UNSAID},

	    {"for=a;for=b", FORWARDED_DOUBLE, 0, "", 0},
	    {"for=a;FOR=a", FORWARDED_DOUBLE, 0, "", 0},
	    {"proto=http;for=a;proto=https", FORWARDED_DOUBLE, 0, "", 0},
	    {"by=a;by=b", FORWARDED_DOUBLE, 0, "", 0},
	    {"host=a;host=b", FORWARDED_DOUBLE, 0, "", 0},
	    {"for", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=", FORWARDED_SYNTAX, 0, "", 0},
	    {"=a", FORWARDED_SYNTAX, 0, "", 0},
	    {";", FORWARDED_SYNTAX, 0, "", 0},
	    {"for =a", FORWARDED_SYNTAX, 0, "", 0},
	    {"for= a", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=a; proto=https", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=a b", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=2001:db8::1", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=[::1]", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=192.0.2.1:80", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=\"a", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=\"a\\", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=\"a\"b", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=\"a\nb\"", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=\"a\x7f\"", FORWARDED_SYNTAX, 0, "", 0},
	    {"192.0.2.1", FORWARDED_SYNTAX, 0, "", 0},
	    {"for=a, 192.0.2.1", FORWARDED_SYNTAX, 0, "", 0},
	};
	struct forwarded_hop hops[FORWARDED_HOPS_MAX];
	size_t count;

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		const char *h = table[i].header;
		enum forwarded_err err =
		    forwarded_parse(h, strlen(h), hops, &count);
		if (err != table[i].err)
			fail_msg("%s: %d", h, err);
		if (err != FORWARDED_OK)
			continue;
		assert_int_equal(count, table[i].count);
		if (count == 0)
			continue;
		const struct forwarded_hop *hop = &hops[count - 1];
		assert_int_equal(hop->node_len, strlen(table[i].last));
		assert_memory_equal(hop->node, table[i].last, hop->node_len);
		assert_int_equal(hop->scheme, table[i].scheme);
	}
	assert_int_equal(
	    forwarded_parse("for=a\0b", 7, hops, &count), FORWARDED_SYNTAX);
}

static void
test_too_many(void **state)
{
	struct forwarded_hop hops[FORWARDED_HOPS_MAX];
	char header[(FORWARDED_HOPS_MAX + 1) * 6 + 1] = "";
	size_t count, n = 0;

	(void)state;
	for (int i = 0; i < FORWARDED_HOPS_MAX; i++)
		n += (size_t)sprintf(header + n, "for=a,");
	assert_int_equal(forwarded_parse(header, n, hops, &count), 0);
	assert_int_equal(count, FORWARDED_HOPS_MAX);
	n += (size_t)sprintf(header + n, "for=a");
	assert_int_equal(
	    forwarded_parse(header, n, hops, &count), FORWARDED_LONG);
}

static void
test_client(void **state)
{
	static const struct {
		const char *peer, *header, *address;
		enum forwarded_scheme scheme;
	} table[] = {
	    /* Nobody's word but a proxy's. */
	    {"192.0.2.9", "for=1.2.3.4;proto=https", "192.0.2.9", 0},
	    {"unknown-thing", "for=1.2.3.4", "unknown", 0},
	    {"10.0.0.1", "", "10.0.0.1", 0},
	    {"10.0.0.1", "for=1.2.3.4;proto=https", "1.2.3.4", FORWARDED_HTTPS},
	    {"unix", "for=1.2.3.4;proto=http", "1.2.3.4", FORWARDED_HTTP},
	    {"unix", "for=\"[2001:DB8::1]:99\"", "2001:db8::1", 0},
	    {"unix", "for=\"1.2.3.4:99\"", "1.2.3.4", 0},
	    {"unix", "for=\"::ffff:1.2.3.4\"", "1.2.3.4", 0},
	    /* The rightmost that is no proxy; its own way, not the last hop's.
	     */
	    {"unix",
		"for=6.6.6.6;proto=http, for=1.2.3.4;proto=https, "
		"for=10.0.0.7;proto=http",
		"1.2.3.4", FORWARDED_HTTPS},
	    {"unix", "for=10.0.0.8, for=10.0.0.9", "10.0.0.8", 0},
	    /* Vouched for by nobody: what stands left of no address. */
	    {"unix", "for=1.2.3.4, for=unknown;proto=https, for=10.0.0.7",
		"10.0.0.7", FORWARDED_HTTPS},
	    {"unix", "for=1.2.3.4, proto=https", "unix", FORWARDED_HTTPS},
	    {"unix", "for=\"1.2.3\\.4\"", "unix", 0},
	    /* Not well-formed: nothing of it counts. */
	    {"10.0.0.1", "for=\"6.6.6.6, for=1.2.3.4;proto=https", "10.0.0.1",
		0},
	    {"10.0.0.1", "nonsense, for=1.2.3.4;proto=https", "10.0.0.1", 0},
	};
	char item[] = "10.0.0.0/8";
	char *items[] = {item};
	const struct config_list proxies = {items, 1};
	struct forwarded client;

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		forwarded_client(&proxies, table[i].peer, table[i].header,
		    strlen(table[i].header), &client);
		if (strcmp(client.address, table[i].address) != 0 ||
		    client.scheme != table[i].scheme)
			fail_msg("%s: %s %d", table[i].header, client.address,
			    client.scheme);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
