/*
 * Whose session is this? asked of login.fcgi's reading of a request and of
 * wsd's, with the same Cookie headers. Both are the programs' own code from
 * the bytes to the token; the keys are fixed.
 */
#ifndef TESTS_FUZZ_SESSION_VERDICT_H
#define TESTS_FUZZ_SESSION_VERDICT_H

#include "auth/token.h"
#include "fcgi-app/request.h"
#include "wsd/handshake.h"
#include "wsd/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERDICT_LINES_MAX 10

/* What the two programs have in common: configuration and keys. */
struct verdict_site {
	struct config config;
	struct keyring ring; /* k1 signs, k2longer did before */
	struct keyring retired; /* a key that is no longer in the ring */
};

static inline void
verdict_key(struct keyring_key *key, const char *kid, int fill,
    enum keyring_state state)
{
	snprintf(key->kid, sizeof(key->kid), "%s", kid);
	memset(key->secret, fill, sizeof(key->secret));
	key->state = state;
}

static inline void
verdict_site_init(struct verdict_site *s)
{
	static const char text[] = "[site]\norigins = http://a https://a\n"
				   "[login]\nplain_http = yes\n";
	struct buf error = BUF_INIT;

	memset(s, 0, sizeof(*s));
	if (crypto_init() != 0 ||
	    config_parse(&s->config, "test", text, strlen(text), &error) != 0)
		abort();
	buf_fini(&error);
	verdict_key(&s->ring.keys[0], "k1", 1, KEYRING_CURRENT);
	verdict_key(&s->ring.keys[1], "k2longer", 2, KEYRING_PREVIOUS);
	s->ring.n = 2;
	verdict_key(&s->retired.keys[0], "k0", 3, KEYRING_CURRENT);
	s->retired.n = 1;
}

/* One Cookie header's value. */
struct verdict_line {
	const char *bytes;
	size_t n;
};

static inline bool
verdict_of_token(const struct verdict_site *s, const char *text, size_t n,
    uint8_t id[static TOKEN_ID_BYTES])
{
	return token_verify(&s->ring, TOKEN_SESSION, text, n, id) == TOKEN_OK;
}

/* A NUL never gets as far as request_parse: fcgi-app/intake refuses it. */
static inline bool
verdict_of_login(const struct verdict_site *s, const struct verdict_line *lines,
    size_t count, bool is_https, uint8_t id[static TOKEN_ID_BYTES])
{
	static const char prefix[] = "HTTP_COOKIE=";
	char method[] = "REQUEST_METHOD=GET", path[] = "SCRIPT_NAME=/session";
	char on[] = "HTTPS=on", off[] = "HTTPS=off";
	char *params[VERDICT_LINES_MAX + 4] = {
	    method, path, is_https ? on : off};
	struct request r;
	const char *value;
	size_t n;
	bool is_valid = false, has_nul = false;

	for (size_t i = 0; i < count; i++) {
		char *p = malloc(sizeof(prefix) + lines[i].n);
		if (p == NULL)
			abort();
		memcpy(p, prefix, sizeof(prefix) - 1);
		memcpy(p + sizeof(prefix) - 1, lines[i].bytes, lines[i].n);
		p[sizeof(prefix) - 1 + lines[i].n] = '\0';
		has_nul |= memchr(lines[i].bytes, '\0', lines[i].n) != NULL;
		params[3 + i] = p;
	}
	if (!has_nul && request_parse(params, &r) == REQUEST_OK) {
		request_settle(&r, &s->config);
		const char *name =
		    cookie_session_name(r.is_https, s->config.login.plain_http);
		is_valid = cookie_find(r.cookies, r.n_cookies, name, &value,
			       &n) == COOKIE_OK &&
		    verdict_of_token(s, value, n, id);
	}
	for (size_t i = 0; i < count; i++)
		free(params[3 + i]);
	return is_valid;
}

static inline bool
verdict_of_wsd(const struct verdict_site *s, const struct verdict_line *lines,
    size_t count, bool is_https, uint8_t id[static TOKEN_ID_BYTES])
{
	struct buf head = BUF_INIT;
	struct handshake_request r = {.peer = "192.0.2.1"};
	struct handshake_accept a;
	const char *why;
	bool is_ok = buf_printf(&head,
			 "GET " HANDSHAKE_PATH " HTTP/1.1\r\n"
			 "Host: a\r\n"
			 "Origin: %s://a\r\n"
			 "Upgrade: websocket\r\n"
			 "Connection: Upgrade\r\n"
			 "Sec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
			 is_https ? "https" : "http") == 0;

	for (size_t i = 0; i < count; i++)
		is_ok &= buf_printf(&head, "Cookie: ") == 0 &&
		    buf_append(&head, lines[i].bytes, lines[i].n) == 0 &&
		    buf_printf(&head, "\r\n") == 0;
	if (!is_ok || buf_printf(&head, "\r\n") != 0)
		abort();
	bool is_valid =
	    head_parse((const char *)head.data, head.len, &r) == HEAD_OK &&
	    handshake_check(&r, &s->config, &a, &why) == 0 &&
	    verdict_of_token(s, a.token.bytes, a.token.n, id);
	buf_fini(&head);
	return is_valid;
}

#endif
