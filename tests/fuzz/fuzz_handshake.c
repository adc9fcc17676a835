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

static void
check_with(const struct config *config, const uint8_t *data, size_t size)
{
	static const char *const peers[] = {"unix", "10.0.0.1", "192.0.2.1"};

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct handshake_request r = {.peer = peers[i]};
		struct handshake_accept a;
		const char *why = NULL;
		enum head_err err = head_parse((const char *)data, size, &r);
		if (err != HEAD_OK)
			continue;
		int status = handshake_check(&r, config, &a, &why);
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
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = {
	    "[site]\norigins = http://a https://b\n"
	    "trusted_proxies = 10.0.0.0/8\n[login]\nplain_http = yes\n",
	    "[site]\nprefix = /p\nforwarded_header = forwarded\n"
	    "trusted_proxies = 10.0.0.0/8\n[wsd]\nplain_lines = off\n"};
	static struct config configs[2];
	static bool is_ready;

	for (size_t i = 0; !is_ready && i < 2; i++) {
		struct buf error = BUF_INIT;
		check(config_parse(&configs[i], "fuzz", texts[i],
			  strlen(texts[i]), &error) == 0);
		buf_fini(&error);
	}
	is_ready = true;
	check_with(&configs[0], data, size);
	check_with(&configs[1], data, size);
	return 0;
}
