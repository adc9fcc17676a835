/*
 * User-Agent headers: whatever they say, the words are short and printable.
 */
#include "fcgi-app/user_agent.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const char word[static USER_AGENT_WORD_SIZE])
{
	size_t n = strnlen(word, USER_AGENT_WORD_SIZE);

	if (n == USER_AGENT_WORD_SIZE)
		abort();
	for (size_t i = 0; i < n; i++)
		if (word[i] < 0x20 || word[i] > 0x7e ||
		    strchr("<>&\"'", word[i]) != NULL)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct user_agent ua;

	user_agent_read((const char *)data, size, &ua);
	check(ua.browser);
	check(ua.system);
	return 0;
}
