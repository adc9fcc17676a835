/*
 * gatecast config: main has read the file already, and has said what is
 * wrong with it if anything is.
 */
#include "base/config_memory.h"
#include "tool/tool.h"

#include <stdio.h>

int
tool_config_check(struct tool *t)
{
	struct buf error = BUF_INIT;

	config_memory_warn(&t->config, &error);
	if (error.len > 0)
		fprintf(stderr, "%s: %s", t->conf_path, buf_str(&error));
	buf_reset(&error);
	int rc = config_check_paths(&t->config, t->conf_path, true, &error);
	if (rc == -1)
		fputs(buf_str(&error), stderr);
	buf_fini(&error);
	if (rc == -1)
		return TOOL_REFUSED;
	if (t->is_default)
		printf("%s: not there, defaults hold\n", t->conf_path);
	else
		printf("%s: ok\n", t->conf_path);
	return TOOL_OK;
}

int
tool_config_show(struct tool *t)
{
	struct buf text = BUF_INIT;
	int code = TOOL_OK;

	if (config_show(&t->config, &text) == -1)
		code = tool_fail(TOOL_REFUSED, "out of memory");
	else
		fputs(buf_str(&text), stdout);
	buf_fini(&text);
	return code;
}
