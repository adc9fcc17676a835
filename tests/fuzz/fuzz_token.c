/* Whatever verifies is exactly what token_make would have written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keyring ring;
	uint8_t id[TOKEN_ID_BYTES];
	char text[TOKEN_SIZE];

	if (ring.n == 0) {
		if (crypto_init() != 0)
			abort();
		memcpy(ring.keys[0].kid, "k1", 3);
		memset(ring.keys[0].secret, 1, CRYPTO_KEY_BYTES);
		memcpy(ring.keys[1].kid, "k2longer", 9);
		ring.keys[1].state = KEYRING_PREVIOUS;
		ring.n = 2;
	}
	(void)token_is_bound(
	    &ring, "form", ring.keys[0].secret, (const char *)data, size);
	if (token_verify(&ring, TOKEN_SESSION, (const char *)data, size, id) !=
	    TOKEN_OK)
		return 0;
	struct keyring signer = {.n = 1};
	signer.keys[0] = ring.keys[size == TOKEN_SIZE - 1];
	signer.keys[0].state = KEYRING_CURRENT;
	token_make(&signer, TOKEN_SESSION, id, text);
	if (strlen(text) != size || memcmp(text, data, size) != 0)
		abort();
	return 0;
}
