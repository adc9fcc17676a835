/*
 * The configuration of a web server, as far as three grammars have it in
 * common: settings, a name and a value each, in blocks. Pure, and no judge of
 * the file: the server itself says what is wrong in it.
 */
#ifndef TOOL_TOOL_WEBCONF_H
#define TOOL_TOOL_WEBCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tool_webconf_kind {
	TOOL_WEBCONF_LIGHTTPD,
	TOOL_WEBCONF_APACHE,
	TOOL_WEBCONF_NGINX,
};

/* The blocks around a setting. */
struct tool_webconf_scope {
	size_t depth;
	bool is_channel; /* for the path of the WebSocket */
	bool is_elsewhere; /* for other paths */
	bool is_optional; /* Apache: where a module is there */
};

struct tool_webconf_setting {
	const char *name;
	const char *value; /* words, a blank between them, without quotes */
	size_t line; /* where it ends */
	struct tool_webconf_scope scope;
};

/* Valid during the call. Not 0 ends the reading. */
typedef int tool_webconf_fn(void *arg, const struct tool_webconf_setting *s);

/*
 * Each setting in turn; outer: where the file was included. 0, what fn gave,
 * or -1 without memory.
 */
int tool_webconf_each(enum tool_webconf_kind kind,
    const struct tool_webconf_scope *outer, const char *bytes, size_t n,
    tool_webconf_fn *fn, void *arg);

/*
 * "60", "1m30s", "500ms" (what nginx and Apache take; a bare number is
 * seconds), after the blanks and the "=" of lighttpd. false: no such time.
 */
bool tool_webconf_time_ms(const char *text, int64_t *ms);

#endif
