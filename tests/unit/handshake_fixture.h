/*
 * Requests as bytes, so that head.c and handshake.c are tested as they
 * are used. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_HANDSHAKE_FIXTURE_H
#define TESTS_UNIT_HANDSHAKE_FIXTURE_H

#include "base/buf.h"
#include "wsd/handshake.h"
#include "wsd/head.h"

#include <stdio.h>
#include <string.h>

static struct config config;

static inline void
configure(const char *text)
{
	struct buf error = BUF_INIT;
	config_fini(&config);
	int rc = config_parse(&config, "test", text, strlen(text), &error);
	if (rc == -1)
		fail_msg("%s", buf_str(&error));
	buf_fini(&error);
}

static inline void
configure_usual(void)
{
	configure("[site]\norigins = https://chat.example "
		  "http://127.0.0.1:8080\n"
		  "trusted_proxies = 10.0.0.0/8\n"
		  "[login]\nplain_http = yes\n");
}

static inline int
setup(void **state)
{
	(void)state;
	if (config_init(&config) == -1)
		return -1;
	configure_usual();
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	config_fini(&config);
	return 0;
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define HEAD                                           \
	"Host: chat.example\r\nUpgrade: websocket\r\n" \
	"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY
#define ORIGIN "Origin: https://chat.example\r\n"
#define COOKIE "Cookie: a=b; __Host-gatecast=v1.k.i.m\r\n"
#define LINE "GET /websocket HTTP/1.1\r\n"
#define WITH(extra) LINE HEAD ORIGIN COOKIE extra "\r\n"
#define GOOD LINE HEAD ORIGIN COOKIE "\r\n"

static struct handshake_accept accepted;
static const char *why;

/* The status for these bytes, 0: accepted. */
static inline int
status_of(const char *bytes, size_t n, const char *peer)
{
	static char copy[HEAD_BYTES_MAX * 2];
	struct handshake_request r = {.peer = peer};
	/* accepted points into the request */
	assert_true(n <= sizeof(copy));
	memcpy(copy, bytes, n);
	why = NULL;
	switch (head_parse(copy, n, &r)) {
	case HEAD_MORE:
		return -1;
	case HEAD_MALFORMED:
	case HEAD_LONG:
		return 400;
	case HEAD_OK:
		break;
	}
	int status = handshake_check(&r, &config, &accepted, &why);
	if (status != 0)
		assert_non_null(why);
	return status;
}

#define STATUS(bytes) status_of(bytes, sizeof(bytes) - 1, "unix")
#define STATUS_FROM(bytes, peer) status_of(bytes, sizeof(bytes) - 1, peer)

#endif
