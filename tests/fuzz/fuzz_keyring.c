/* A ring that was taken has one current key, first, and no id twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf error = BUF_INIT;
	struct keyring k;

	if (keyring_parse((const char *)data, size, &k, &error) != 0) {
		if (k.n != 0 || error.len == 0)
			abort();
		buf_fini(&error);
		return 0;
	}
	if (error.len != 0 || k.n == 0 || k.n > KEYRING_KEYS_MAX ||
	    keyring_current(&k) != &k.keys[0])
		abort();
	for (size_t i = 0; i < k.n; i++) {
		const char *kid = k.keys[i].kid;
		if (keyring_find(&k, kid, strlen(kid)) != &k.keys[i])
			abort();
		if (i > 0 && k.keys[i].state != KEYRING_PREVIOUS)
			abort();
	}
	keyring_wipe(&k);
	buf_fini(&error);
	return 0;
}
