/*
 * A request head as bytes, through the parser and the checks. What is
 * accepted must hold what it promises.
 */
#include "wsd/handshake.h"
#include "wsd/head.h"
#include "wsd/refusal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "[site]\norigins = http://a https://b\n"
				   "trusted_proxies = 10.0.0.0/8\n"
				   "[login]\nplain_http = yes\n";
	static const char *const peers[] = {"unix", "10.0.0.1", "192.0.2.1"};
	static struct config config;
	static bool is_ready;

	if (!is_ready) {
		struct buf error = BUF_INIT;
		check(config_parse(
			  &config, "fuzz", text, strlen(text), &error) == 0);
		buf_fini(&error);
		is_ready = true;
	}
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct handshake_request r = {.peer = peers[i]};
		struct handshake_accept a;
		const char *why = NULL;
		enum head_err err = head_parse((const char *)data, size, &r);
		if (err != HEAD_OK)
			continue;
		int status = handshake_check(&r, &config, &a, &why);
		check(memchr(a.address, '\0', sizeof(a.address)) != NULL);
		if (status != 0) {
			char out[REFUSAL_SIZE];
			check(why != NULL && strchr(why, '\n') == NULL);
			check(refusal_format(status, why, out) < REFUSAL_SIZE);
			continue;
		}
		check(a.key.n == 24 && a.token.bytes != NULL);
		check(a.token.bytes >= (const char *)data &&
		    a.token.bytes + a.token.n <= (const char *)data + size);
		check(memchr(data, '\0', size) == NULL);
	}
	return 0;
}
