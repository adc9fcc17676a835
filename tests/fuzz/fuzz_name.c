/* A name that was taken is its own canonical spelling, and can be folded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[NAME_SIZE], again[NAME_SIZE], fold[NAME_FOLD_SIZE];

	if (name_canonical((const char *)data, size, name) != NAME_OK)
		return 0;
	if (name_canonical(name, strlen(name), again) != NAME_OK ||
	    strcmp(name, again) != 0)
		abort();
	if (name_fold(name, fold) != NAME_OK || fold[0] == '\0')
		abort();
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '<')
			abort();
	return 0;
}
