/*
 * Any good name has looks (they fit), and they do not depend on the case in
 * which the name is told apart from others.
 */
#include "auth/name.h"
#include "tool/tool_confusable.c"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tool_confusable *confusable;
	static struct buf looks[TOOL_CONFUSABLE_LOOKS];
	static struct buf folded[TOOL_CONFUSABLE_LOOKS];
	char name[NAME_SIZE], fold_name[NAME_FOLD_SIZE];

	if (confusable == NULL)
		confusable = tool_confusable_new();
	assert(confusable != NULL);
	if (name_canonical((const char *)data, size, name) != NAME_OK)
		return 0;
	assert(tool_confusable_looks(confusable, name, looks) == 0);
	assert(looks[0].len > 0 && looks[1].len > 0);
	tool_confusable_is_mixed(confusable, name);
	assert(name_fold(name, fold_name) == NAME_OK);
	assert(tool_confusable_looks(confusable, fold_name, folded) == 0);
	assert(looks[0].len == folded[0].len &&
	    memcmp(looks[0].data, folded[0].data, looks[0].len) == 0);
	return 0;
}
