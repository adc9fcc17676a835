/* What a browser sends, and one thing wrong at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handshake_fixture.h"

static void
good_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(STATUS(GOOD), 0);
	assert_int_equal(accepted.protocol, HUB_PLAIN);
	assert_int_equal(accepted.token.n, 8);
	assert_memory_equal(accepted.token.bytes, "v1.k.i.m", 8);
	assert_int_equal(accepted.key.n, 24);
	assert_string_equal(accepted.address, "unix");
	assert_false(accepted.has_cursor);
}

#define WITHOUT_HOST                                         \
	LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
	     "Sec-WebSocket-Version: 13\r\n" KEY ORIGIN COOKIE

static void
host(void **state)
{
	(void)state;
#define HOST(value) STATUS(WITHOUT_HOST "Host: " value "\r\n\r\n")
	assert_int_equal(STATUS(WITHOUT_HOST "\r\n"), 400);
	assert_int_equal(HOST("a\r\nHost: a"), 400);
	assert_int_equal(HOST(""), 400);
	assert_int_equal(HOST("a"), 0);
	assert_int_equal(HOST("a.b-c_d:8080"), 0);
	assert_int_equal(HOST("127.0.0.1:65535"), 0);
	assert_int_equal(HOST("[::1]"), 0);
	assert_int_equal(HOST("[::1]:80"), 0);
	assert_int_equal(HOST("[]"), 400);
	assert_int_equal(HOST("[::1"), 400);
	assert_int_equal(HOST("[::1]x"), 400);
	assert_int_equal(HOST("a:"), 400);
	assert_int_equal(HOST("a:0"), 400);
	assert_int_equal(HOST("a:65536"), 400);
	assert_int_equal(HOST("a:80a"), 400);
	assert_int_equal(HOST(":80"), 400);
	assert_int_equal(HOST("a b"), 400);
	assert_int_equal(HOST("a/b"), 400);
	assert_int_equal(HOST("u@a"), 400);
	assert_int_equal(HOST("a,b"), 400);
}

#define WITHOUT_UPGRADE LINE "Host: a\r\n" ORIGIN COOKIE

static void
upgrade(void **state)
{
	(void)state;
#define UP(text) STATUS(WITHOUT_UPGRADE text "\r\n")
#define CONN "Connection: Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
	assert_int_equal(UP(""), 426);
	assert_int_equal(UP("Upgrade: websocket\r\n" CONN V13 KEY), 0);
	assert_int_equal(UP("Upgrade: WebSocket\r\n" CONN V13 KEY), 0);
	assert_int_equal(UP("Upgrade: h2c\r\n" CONN V13 KEY), 426);
	assert_int_equal(UP("Upgrade: websocket, h2c\r\n" CONN V13 KEY), 426);
	assert_int_equal(
	    UP("Upgrade: websocket\r\nUpgrade: websocket\r\n" CONN V13 KEY),
	    426);
#define WS "Upgrade: websocket\r\n"
	assert_int_equal(UP(WS V13 KEY), 400);
	assert_int_equal(UP(WS "Connection: close\r\n" V13 KEY), 400);
	assert_int_equal(UP(WS "Connection: upgraded\r\n" V13 KEY), 400);
	assert_int_equal(UP(WS "Connection: , a ,UPGRADE,\r\n" V13 KEY), 0);
	assert_int_equal(
	    UP(WS "Connection: a\r\nConnection: upgrade\r\n" V13 KEY), 0);
	assert_int_equal(UP(WS CONN KEY), 426);
	assert_int_equal(UP(WS CONN "Sec-WebSocket-Version: 12\r\n" KEY), 426);
	assert_int_equal(UP(WS CONN "Sec-WebSocket-Version: 013\r\n" KEY), 426);
	assert_int_equal(UP(WS CONN V13 V13 KEY), 426);
#define K(value) UP(WS CONN V13 "Sec-WebSocket-Key: " value "\r\n")
	assert_int_equal(UP(WS CONN V13), 400);
	assert_int_equal(UP(WS CONN V13 KEY KEY), 400);
	assert_int_equal(K("dGhlIHNhbXBsZSBub25jZQ=="), 0);
	assert_int_equal(K("dGhlIHNhbXBsZSBub25jZQ="), 400);
	assert_int_equal(K("dGhlIHNhbXBsZSBub25jZQ"), 400);
	assert_int_equal(K("dGhlIHNhbXBsZSBub25jZ==="), 400);
	assert_int_equal(K("dGhlIHNhbXBsZSBub25jZWVl"), 400);
	assert_int_equal(K("dGhl_HNhbXBsZSBub25jZQ=="), 400);
	assert_int_equal(K("x"), 400);
	assert_int_equal(K(""), 400);
}

#define WITHOUT_ORIGIN LINE HEAD

static void
origin(void **state)
{
	(void)state;
#define O(value) STATUS(WITHOUT_ORIGIN COOKIE "Origin: " value "\r\n\r\n")
	assert_int_equal(STATUS(WITHOUT_ORIGIN COOKIE "\r\n"), 403);
	assert_int_equal(O("https://chat.example"), 0);
	assert_int_equal(O("https://chat.example:443"), 0);
	assert_int_equal(O("https://evil.example"), 403);
	assert_int_equal(O("https://chat.example.evil"), 403);
	assert_int_equal(O("http://chat.example"), 403);
	assert_int_equal(O("null"), 403);
	assert_int_equal(O(""), 403);
	assert_int_equal(O("https://chat.example/"), 403);
	assert_int_equal(O("https://chat.example\0.evil"), 400);
	assert_int_equal(O("https://chat.example\r\n"
			   "Origin: https://chat.example"),
	    400);
	assert_int_equal(
	    O("https://chat.example\r\nOrigin: https://evil.example"), 400);
}

static void
origin_without_configuration(void **state)
{
	(void)state;
	configure("[login]\nplain_http = yes\n");
#define H(origin, cookie)                                                  \
	STATUS(WITHOUT_ORIGIN "Origin: " origin "\r\nCookie: " cookie "=x" \
			      "\r\n\r\n")
	assert_int_equal(H("https://chat.example", "__Host-gatecast"), 0);
	assert_int_equal(H("http://chat.example", "gatecast"), 0);
	assert_int_equal(H("http://chat.example:81", "gatecast"), 403);
	assert_int_equal(H("https://other.example", "__Host-gatecast"), 403);
	configure_usual();
}

static void
cookie(void **state)
{
	(void)state;
#define C(headers) STATUS(LINE HEAD ORIGIN headers "\r\n")
	assert_int_equal(C(""), 401);
	assert_int_equal(C("Cookie: a=b\r\n"), 401);
	assert_int_equal(C("Cookie: gatecast=x\r\n"), 401); /* https */
	assert_int_equal(C("Cookie: __Host-gatecast=x\r\n"), 0);
	assert_int_equal(C("Cookie: a=b\r\nCookie: __Host-gatecast=x\r\n"), 0);
	assert_int_equal(
	    C("Cookie: __Host-gatecast=x; __Host-gatecast=x\r\n"), 400);
	assert_int_equal(C("Cookie: __Host-gatecast=x\r\n"
			   "Cookie: __Host-gatecast=y\r\n"),
	    400);
#define A "Cookie: a=b\r\n"
	assert_int_equal(C(A A A A A A A "Cookie: __Host-gatecast=x\r\n"), 0);
	assert_int_equal(
	    C(A A A A A A A A "Cookie: __Host-gatecast=x\r\n"), 400);
}

#define PLAIN_ORIGIN "Origin: http://127.0.0.1:8080\r\n"

static void
scheme(void **state)
{
	(void)state;
#define P(origin, cookie, extra, peer) \
	STATUS_FROM(                   \
	    LINE HEAD origin "Cookie: " cookie "=x\r\n" extra "\r\n", peer)
	/* Nobody said so: the Origin's scheme. */
	assert_int_equal(P(PLAIN_ORIGIN, "gatecast", "", "unix"), 0);
	assert_int_equal(P(PLAIN_ORIGIN, "__Host-gatecast", "", "unix"), 401);
	assert_int_equal(P(ORIGIN, "gatecast", "", "unix"), 401);
	/* A proxy says https. */
#define SAYS(scheme) "X-Forwarded-Proto: " scheme "\r\n"
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("https"), "unix"), 401);
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("https"), "10.1.2.3"), 401);
	assert_int_equal(P(PLAIN_ORIGIN, "gatecast", SAYS("http"), "unix"), 0);
	/* The last hop was http, the page was not. */
	assert_int_equal(P(ORIGIN, "gatecast", SAYS("http"), "unix"), 401);
	assert_int_equal(P(ORIGIN, "__Host-gatecast", SAYS("http"), "unix"), 0);
	/* Somebody who is no proxy says so. */
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("https"), "127.0.0.1"), 0);
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("ftp"), "127.0.0.1"), 0);
	/* The last is the proxy's own, in one line or in two. */
	assert_int_equal(P(PLAIN_ORIGIN, "gatecast", SAYS("ftp"), "unix"), 0);
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("https, http"), "unix"), 0);
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("http,HTTPS "), "unix"), 401);
	assert_int_equal(
	    P(PLAIN_ORIGIN, "gatecast", SAYS("http") SAYS("https"), "unix"),
	    401);

	configure("[site]\norigins = http://127.0.0.1:8080\n"
		  "[login]\nplain_http = no\n");
	assert_int_equal(P(PLAIN_ORIGIN, "gatecast", "", "unix"), 401);
	configure_usual();
}

static void
address(void **state)
{
	(void)state;
#define F(value) "X-Forwarded-For: " value "\r\n"
	assert_int_equal(STATUS_FROM(WITH(F("192.0.2.7")), "10.0.0.1"), 0);
	assert_string_equal(accepted.address, "192.0.2.7");
	assert_int_equal(
	    STATUS_FROM(WITH(F("1.2.3.4, 192.0.2.7, 10.0.0.9")), "unix"), 0);
	assert_string_equal(accepted.address, "192.0.2.7");
	/* Over two lines: the last entry of the last line is the nearest. */
	assert_int_equal(
	    STATUS_FROM(WITH(F("192.0.2.7") F("10.0.0.9")), "unix"), 0);
	assert_string_equal(accepted.address, "192.0.2.7");
	assert_int_equal(STATUS_FROM(WITH(F("192.0.2.7")), "198.51.100.1"), 0);
	assert_string_equal(accepted.address, "198.51.100.1");
	assert_int_equal(STATUS(WITH(F("1") F("1") F("1") F("1") F("1"))), 400);

	struct buf b = BUF_INIT;
	buf_puts(&b, LINE HEAD ORIGIN COOKIE "X-Forwarded-For: ");
	for (int i = 0; i < 1100; i++)
		buf_putc(&b, '1');
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(status_of(b.data, b.len, "unix"), 400);
	assert_int_equal(status_of(b.data, b.len, "198.51.100.1"), 0);
	buf_fini(&b);
}

/* With site.forwarded_header = forwarded: that one alone. */
static void
forwarded(void **state)
{
	(void)state;
	assert_int_equal(
	    STATUS(WITH("Forwarded: for=192.0.2.7\r\n" F("192.0.2.8"))), 0);
	assert_string_equal(accepted.address, "192.0.2.8");
	configure("[site]\norigins = http://127.0.0.1:8080\n"
		  "trusted_proxies = 10.0.0.0/8\n"
		  "forwarded_header = forwarded\n"
		  "[login]\nplain_http = yes\n");
#define R(cookie, value, peer)  \
	P(PLAIN_ORIGIN, cookie, \
	    "Forwarded: " value "\r\n" SAYS("ftp") F("192.0.2.8"), peer)
	assert_int_equal(R("gatecast", "for=192.0.2.7", "10.0.0.1"), 0);
	assert_string_equal(accepted.address, "192.0.2.7");
	assert_int_equal(
	    R("gatecast", "for=6.6.6.6\r\nForwarded: for=192.0.2.7", "unix"),
	    0);
	assert_string_equal(accepted.address, "192.0.2.7");
	assert_int_equal(R("gatecast", "for=192.0.2.7;proto=https", "unix"),
	    401); /* of https the other cookie is wanted */
	assert_int_equal(
	    R("gatecast", "for=192.0.2.7;proto=https", "198.51.100.1"), 0);
	assert_string_equal(accepted.address, "198.51.100.1");
	assert_int_equal(R("gatecast", "for=\"", "10.0.0.1"), 0);
	assert_string_equal(accepted.address, "10.0.0.1");
	configure_usual();
}

static void
subprotocol(void **state)
{
	(void)state;
#define S(value) STATUS(WITH("Sec-WebSocket-Protocol: " value "\r\n"))
	assert_int_equal(S("gatecast.v1"), 0);
	assert_int_equal(accepted.protocol, HUB_GATECAST);
	assert_int_equal(S("other, gatecast.v1"), 0);
	assert_int_equal(accepted.protocol, HUB_GATECAST);
	assert_int_equal(S("other\r\nSec-WebSocket-Protocol: gatecast.v1"), 0);
	assert_int_equal(accepted.protocol, HUB_GATECAST);
	assert_int_equal(S("other"), 400);
	assert_int_equal(S(""), 400);
	assert_int_equal(S("Gatecast.v1"), 400);
	assert_int_equal(S("gatecast.v12"), 400);

	configure("[site]\norigins = https://chat.example\n"
		  "[wsd]\nplain_lines = off\n");
	assert_int_equal(STATUS(GOOD), 400);
	assert_int_equal(S("gatecast.v1"), 0);
	configure_usual();
}

static void
query(void **state)
{
	(void)state;
#define Q(query)                                                         \
	STATUS("GET /websocket" query " HTTP/1.1\r\n" HEAD ORIGIN COOKIE \
	       "Sec-WebSocket-Protocol: gatecast.v1\r\n\r\n")
	assert_int_equal(Q(""), 0);
	assert_false(accepted.has_cursor);
	assert_int_equal(Q("?"), 0);
	assert_false(accepted.has_cursor);
	assert_int_equal(Q("?since=1f-42"), 0);
	assert_true(accepted.has_cursor);
	assert_int_equal(accepted.cursor_epoch, 0x1f);
	assert_int_equal(accepted.cursor_seq, 42);
	assert_int_equal(Q("?since=ffffffffffffffff-18446744073709551615"), 0);
	assert_true(accepted.cursor_seq == UINT64_MAX);
	assert_true(accepted.cursor_epoch == UINT64_MAX);
	assert_int_equal(Q("?since=1-18446744073709551616"), 400);
	assert_int_equal(Q("?since=10000000000000000-1"), 400);
	assert_int_equal(Q("?since=1F-1"), 400);
	assert_int_equal(Q("?since=-1"), 400);
	assert_int_equal(Q("?since=1-"), 400);
	assert_int_equal(Q("?since=1--1"), 400);
	assert_int_equal(Q("?since=1"), 400);
	assert_int_equal(Q("?since="), 400);
	assert_int_equal(Q("?since=1-1&x=y"), 400);
	assert_int_equal(Q("?x=y"), 400);
	assert_int_equal(Q("?since=1-%31"), 400);
	/* Plain lines have no seq to resume from. */
	assert_int_equal(
	    STATUS("GET /websocket?since=1-1 HTTP/1.1\r\n" HEAD ORIGIN COOKIE
		   "\r\n"),
	    400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_is_accepted),
	    cmocka_unit_test(host),
	    cmocka_unit_test(upgrade),
	    cmocka_unit_test(origin),
	    cmocka_unit_test(origin_without_configuration),
	    cmocka_unit_test(cookie),
	    cmocka_unit_test(scheme),
	    cmocka_unit_test(address),
	    cmocka_unit_test(forwarded),
	    cmocka_unit_test(subprotocol),
	    cmocka_unit_test(query),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
