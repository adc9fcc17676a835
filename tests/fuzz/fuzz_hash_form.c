/*
 * What is taken costs no more than is allowed: seen by libraries that read
 * the same text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "auth/hash_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char copy[CRYPTO_PASSWORD_SIZE];

	if (size == 0)
		return 0;
	enum hash_form form = hash_form_parse(text, size);
	if (hash_form_reason(form)[0] == '\0')
		abort();
	if (form > HASH_FORM_CRYPT)
		return 0;
	if (size >= sizeof(copy) || memchr(text, '\0', size) != NULL ||
	    memchr(text, '\n', size) != NULL || memchr(text, ':', size) != NULL)
		abort();
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (form == HASH_FORM_ARGON2ID &&
	    crypto_password_is_other_cost(copy, 8, 1) < 0)
		abort();
	return 0;
}
