/* Any bytes are settings of some kind, and none of them is outside its file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_webconf.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	size_t line, lines;
};

static int
look(void *arg, const struct tool_webconf_setting *s)
{
	struct seen *seen = arg;
	int64_t ms;

	if (s->line < seen->line || s->line > seen->lines ||
	    s->scope.depth > DEPTH_MAX || strchr(s->name, ' ') != NULL)
		abort();
	seen->line = s->line;
	if (tool_webconf_time_ms(s->value, &ms) && (ms < 0 || ms > TIME_MAX_MS))
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tool_webconf_scope top = {.depth = 0};
	struct seen seen = {.lines = 1};

	if (size == 0)
		return 0;
	/* The first byte is the kind. An exact allocation, for ASan. */
	char *copy = malloc(size - 1 + (size == 1));
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, size - 1);
	for (size_t i = 0; i < size - 1; i++)
		seen.lines += copy[i] == '\n';
	if (tool_webconf_each((enum tool_webconf_kind)(data[0] % 3), &top, copy,
		size - 1, look, &seen) != 0)
		abort();
	free(copy);
	return 0;
}
