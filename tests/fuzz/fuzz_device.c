/*
 * Device cookies as a stranger may send them, behind a token of ours where
 * the input begins with 'T'. Nobody becomes known by it, but by signing in;
 * and what is set then is of bounded length and fit for a header.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "base/buf.h"
#include "fcgi-app/device.h"

#define NAME "alice"
#define VALUE_MAX (TOKEN_SIZE + DEVICE_ACCOUNTS_MAX * TOKEN_BOUND_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyring keys = {.keys = {{.kid = "k1"}}, .n = 1};

static bool
is_known(const char *bytes, size_t n)
{
	struct request req = {.cookies = {{bytes, n}}, .n_cookies = 1};
	uint8_t id[TOKEN_ID_BYTES];

	return device_knows(&keys, &req, NAME, strlen(NAME), id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[TOKEN_ID_BYTES] = {1};
	static const char head[] = "Set-Cookie: ";
	char token[TOKEN_SIZE];
	struct buf shown = BUF_INIT;
	struct response resp;

	if (crypto_init() != 0)
		abort();
	buf_puts(&shown, DEVICE_COOKIE_HTTP "=");
	if (size > 0 && data[0] == 'T') {
		token_make(&keys, TOKEN_DEVICE, id, token);
		buf_puts(&shown, token);
		data++;
		size--;
	}
	buf_append(&shown, data, size);
	if (is_known(shown.data, shown.len))
		abort();

	struct request req = {
	    .cookies = {{shown.data, shown.len}}, .n_cookies = 1};
	response_init(&resp);
	device_remember(&keys, &req, &resp, NAME, strlen(NAME));
	const char *line = buf_str(&resp.headers);
	if (resp.is_spoiled || strncmp(line, head, strlen(head)) != 0)
		abort();
	line += strlen(head);
	size_t n = strcspn(line, ";");
	if (n > strlen(DEVICE_COOKIE_HTTP "=") + VALUE_MAX ||
	    !is_known(line, n))
		abort();
	response_fini(&resp);
	buf_fini(&shown);
	return 0;
}
