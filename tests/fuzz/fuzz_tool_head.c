/* What is found lies in the bytes; a head that is whole stays so. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_head.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tool_head h, again;
	const char *value;
	size_t n;

	/* An exact allocation, so that ASan sees the first byte beyond it. */
	char *copy = malloc(size > 0 ? size : 1);
	if (copy == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	if (tool_head_parse(copy, size, &h) == TOOL_HEAD_OK) {
		const char *end = h.fields + h.n;
		if (h.status < 100 || h.status > 599 || h.fields < copy ||
		    end > copy + size)
			abort();
		for (size_t i = 0;
		     tool_head_field(&h, "Set-Cookie", i, &value, &n); i++)
			if (value < h.fields || value + n > end ||
			    memchr(value, '\n', n) != NULL)
				abort();
		(void)tool_head_date_s(&h);
		/* Not a byte less is needed, nor changes more anything. */
		size_t whole = (size_t)(end - copy) +
		    (end < copy + size && *end == '\r' ? 2 : 1);
		if (tool_head_parse(copy, whole, &again) != TOOL_HEAD_OK ||
		    again.status != h.status || again.n != h.n ||
		    tool_head_parse(copy, whole - 1, &again) !=
			TOOL_HEAD_PARTIAL)
			abort();
	}
	free(copy);
	return 0;
}
