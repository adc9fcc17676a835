/*
 * Cookie headers, a line each, the first byte choosing http or https: both
 * programs see the same session, or none, and a session only in a header
 * that holds a token as token_make writes it.
 */
#include "session_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verdict_site site;
	static bool is_ready;
	struct verdict_line lines[VERDICT_LINES_MAX];
	uint8_t one[TOKEN_ID_BYTES], other[TOKEN_ID_BYTES];
	size_t count = 0;

	if (!is_ready) {
		verdict_site_init(&site);
		is_ready = true;
	}
	if (size == 0)
		return 0;
	bool is_https = (data[0] & 1) != 0;
	const char *p = (const char *)data + 1,
		   *end = (const char *)data + size;
	while (count < VERDICT_LINES_MAX) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		lines[count].bytes = p;
		lines[count].n = (size_t)((newline ? newline : end) - p);
		count++;
		if (newline == NULL)
			break;
		p = newline + 1;
	}

	bool login = verdict_of_login(&site, lines, count, is_https, one);
	bool wsd = verdict_of_wsd(&site, lines, count, is_https, other);
	if (login != wsd)
		abort();
	if (!login)
		return 0;
	if (memcmp(one, other, sizeof(one)) != 0)
		abort();
	for (size_t k = 0; k < site.ring.n; k++) {
		struct keyring signer = {.n = 1};
		char token[TOKEN_SIZE];
		signer.keys[0] = site.ring.keys[k];
		signer.keys[0].state = KEYRING_CURRENT;
		token_make(&signer, TOKEN_SESSION, one, token);
		if (memmem(data, size, token, strlen(token)) != NULL)
			return 0;
	}
	abort();
}
