/*
 * What the configuration of a web server, with all that it includes, says of
 * modules and of the time-out of the live channel. Files are read, and no
 * server is run: what a shell adds to them is not seen.
 */
#ifndef TOOL_TOOL_WEBSERVER_H
#define TOOL_TOOL_WEBSERVER_H

#include "tool/tool_webconf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOOL_WEBSERVER_NEEDS 18 /* settings that need a module */

struct tool_webserver {
	enum tool_webconf_kind kind;
	bool has_channel; /* it passes /websocket on */
	bool has_timeout; /* one is said for it; else the server's own holds */
	int64_t timeout_ms; /* INT64_MAX: none */
	char where[4200]; /* FILE:LINE of it */

	/* By the table of tool_webserver_need. */
	bool is_used[TOOL_WEBSERVER_NEEDS];
	bool is_loaded[TOOL_WEBSERVER_NEEDS];

	/* Of the reading alone. */
	const char *path; /* of the file that is being read */
	char base[4096]; /* what included names are relative to */
	size_t includes; /* how deep */
	size_t rank; /* of the time-out */
};

/*
 * Reads the file that the server itself begins with. 0, or -1 with errno. Of
 * what it includes, files that cannot be read are passed over.
 */
int tool_webserver_read(
    enum tool_webconf_kind kind, const char *path, struct tool_webserver *w);

/*
 * The i-th of the settings that are used without their module, from 0: its
 * name, and the module. Each module comes once. false: there is none.
 */
bool tool_webserver_need(const struct tool_webserver *w, size_t i,
    const char **setting, const char **module);

#endif
