/*
 * A setting within another site's host is taken for one of ours too: which
 * host a request belongs to is the server's to know.
 */
#include "tool/tool_webserver.h"

#include "base/buf.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX (4 * 1024 * 1024)
#define INCLUDES_MAX 8
#define OWN 1000 /* of the channel itself, whatever stands further out */

/* What needs a module: a setting, and what its value then has in it. */
static const struct {
	enum tool_webconf_kind kind;
	const char *module;
	const char *setting; /* or how it begins */
	const char *part;
} needs[] = {
    {TOOL_WEBCONF_APACHE, "proxy_fcgi", "SetHandler", "fcgi://"},
    {TOOL_WEBCONF_APACHE, "fcgid", "SetHandler", "fcgid-script"},
    {TOOL_WEBCONF_APACHE, "proxy_http", "ProxyPass", "upgrade=websocket"},
    {TOOL_WEBCONF_APACHE, "proxy", "ProxyPass", ""},
    {TOOL_WEBCONF_APACHE, "alias", "Alias", ""},
    {TOOL_WEBCONF_APACHE, "headers", "Header", ""},
    {TOOL_WEBCONF_APACHE, "headers", "RequestHeader", ""},
    {TOOL_WEBCONF_APACHE, "mime", "AddType", ""},
    {TOOL_WEBCONF_APACHE, "ssl", "SSLEngine", "on"},
    {TOOL_WEBCONF_APACHE, "authnz_fcgi", "AuthnzFcgi", ""},
    {TOOL_WEBCONF_APACHE, "authn_core", "AuthType", ""},
    {TOOL_WEBCONF_APACHE, "authz_user", "Require", "valid-user"},
    {TOOL_WEBCONF_LIGHTTPD, "mod_fastcgi", "fastcgi.", ""},
    {TOOL_WEBCONF_LIGHTTPD, "mod_proxy", "proxy.", ""},
    {TOOL_WEBCONF_LIGHTTPD, "mod_alias", "alias.", ""},
    {TOOL_WEBCONF_LIGHTTPD, "mod_setenv", "setenv.", ""},
    {TOOL_WEBCONF_LIGHTTPD, "mod_cgi", "cgi.assign", ""},
    {TOOL_WEBCONF_LIGHTTPD, "mod_openssl", "ssl.engine", "enable"},
};
_Static_assert(
    sizeof(needs) / sizeof(needs[0]) == TOOL_WEBSERVER_NEEDS, "as declared");

static const struct {
	enum tool_webconf_kind kind;
	const char *setting;
	size_t rank; /* 0: by its depth; the highest has the last word */
} times[] = {
    {TOOL_WEBCONF_APACHE, "Timeout", 1},
    {TOOL_WEBCONF_APACHE, "ProxyTimeout", 2},
    {TOOL_WEBCONF_LIGHTTPD, "server.max-read-idle", 0},
    {TOOL_WEBCONF_NGINX, "proxy_read_timeout", 0},
};

static int read_file(struct tool_webserver *w, const char *path,
    const struct tool_webconf_scope *outer);

static bool
is_apache(const struct tool_webserver *w)
{
	return w->kind == TOOL_WEBCONF_APACHE;
}

static int
read_included(struct tool_webserver *w, const struct tool_webconf_setting *s)
{
	const char *value = s->value + strspn(s->value, " =+:");
	char pattern[4096 + 4096];
	glob_t found;
	int rc = 0;

	if (w->includes == INCLUDES_MAX)
		return 0;
	if (value[0] == '/')
		snprintf(pattern, sizeof(pattern), "%s", value);
	else
		snprintf(pattern, sizeof(pattern), "%s/%s", w->base, value);
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	w->includes++;
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		if (read_file(w, found.gl_pathv[i], &s->scope) == -1 &&
		    errno == ENOMEM)
			rc = -1;
	w->includes--;
	globfree(&found);
	return rc;
}

/* Whether the word stands in a list, whatever is between its words. */
static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list ||
			(!isalnum((unsigned char)p[-1]) && p[-1] != '_')) &&
		    !isalnum((unsigned char)p[n]) && p[n] != '_')
			return true;
	return false;
}

static bool
loads(const struct tool_webserver *w, const struct tool_webconf_setting *s,
    const char *module)
{
	size_t n = strlen(module);

	if (is_apache(w))
		return strcasecmp(s->name, "LoadModule") == 0 &&
		    strncmp(s->value, module, n) == 0 &&
		    strncmp(s->value + n, "_module ", 8) == 0;
	/* Inside a condition, lighttpd passes over it. */
	return strcmp(s->name, "server.modules") == 0 && s->scope.depth == 0 &&
	    has_word(s->value, module);
}

static void
see_modules(struct tool_webserver *w, const struct tool_webconf_setting *s)
{
	for (size_t i = 0; i < TOOL_WEBSERVER_NEEDS; i++) {
		if (needs[i].kind != w->kind)
			continue;
		if (loads(w, s, needs[i].module))
			w->is_loaded[i] = true;
		if (!s->scope.is_optional &&
		    strncasecmp(s->name, needs[i].setting,
			strlen(needs[i].setting)) == 0 &&
		    strstr(s->value, needs[i].part) != NULL)
			w->is_used[i] = true;
	}
}

static void
keep_time(struct tool_webserver *w, const struct tool_webconf_setting *s,
    const char *text, size_t rank)
{
	int64_t ms;

	if (rank < w->rank || !tool_webconf_time_ms(text, &ms))
		return;
	/* To lighttpd 0 is no limit. */
	if (w->kind == TOOL_WEBCONF_LIGHTTPD && ms == 0)
		ms = INT64_MAX;
	/* Of two that may hold, the worse. */
	if (rank == w->rank && ms >= w->timeout_ms)
		return;
	w->rank = rank;
	w->has_timeout = true;
	w->timeout_ms = ms;
	snprintf(w->where, sizeof(w->where), "%s:%zu", w->path, s->line);
}

static void
see_times(struct tool_webserver *w, const struct tool_webconf_setting *s)
{
	static const char option[] = " timeout=";

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i].kind == w->kind && !s->scope.is_elsewhere &&
		    strcasecmp(s->name, times[i].setting) == 0)
			keep_time(w, s, s->value,
			    s->scope.is_channel     ? OWN
				: times[i].rank > 0 ? times[i].rank
						    : s->scope.depth + 1);
	if (!is_apache(w) || strcasecmp(s->name, "ProxyPass") != 0)
		return;
	const char *end = strchr(s->value, ' ');
	if (!s->scope.is_channel &&
	    (end == NULL || end - s->value < 9 ||
		strncmp(end - 9, "websocket", 9) != 0))
		return;
	w->has_channel = true;
	const char *own = strstr(s->value, option);
	if (own != NULL)
		keep_time(w, s, own + sizeof(option) - 1, OWN);
}

static int
see(void *arg, const struct tool_webconf_setting *s)
{
	struct tool_webserver *w = arg;

	if (strcasecmp(s->name, "include") == 0 ||
	    (is_apache(w) && strcasecmp(s->name, "IncludeOptional") == 0))
		return read_included(w, s);
	if (is_apache(w) && strcasecmp(s->name, "ServerRoot") == 0)
		snprintf(w->base, sizeof(w->base), "%s", s->value);
	see_modules(w, s);
	see_times(w, s);
	if (s->scope.is_channel &&
	    (strcmp(s->name, "proxy_pass") == 0 ||
		strcmp(s->name, "proxy.server") == 0))
		w->has_channel = true;
	return 0;
}

/* 0, or -1 with errno. */
static int
read_file(struct tool_webserver *w, const char *path,
    const struct tool_webconf_scope *outer)
{
	struct buf text = BUF_INIT;
	const char *kept = w->path;
	int rc = -1, error = EIO;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return -1;
	if (file_read_fd(fd, FILE_MAX, &text) == FILE_OK) {
		error = ENOMEM;
		w->path = path;
		rc = tool_webconf_each(
		    w->kind, outer, buf_str(&text), text.len, see, w);
		w->path = kept;
	}
	close(fd);
	buf_fini(&text);
	errno = error;
	return rc;
}

int
tool_webserver_read(
    enum tool_webconf_kind kind, const char *path, struct tool_webserver *w)
{
	const struct tool_webconf_scope top = {.depth = 0};
	const char *slash = strrchr(path, '/');

	*w = (struct tool_webserver){.kind = kind};
	snprintf(w->base, sizeof(w->base), "%.*s",
	    slash == NULL ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
	return read_file(w, path, &top);
}

/* One module may be needed for several settings: whether j's is i's. */
static bool
is_same(size_t i, size_t j)
{
	return needs[i].kind == needs[j].kind &&
	    strcmp(needs[i].module, needs[j].module) == 0;
}

bool
tool_webserver_need(const struct tool_webserver *w, size_t i,
    const char **setting, const char **module)
{
	for (size_t j = 0; j < TOOL_WEBSERVER_NEEDS; j++) {
		bool is_told = !w->is_used[j] || w->is_loaded[j];
		for (size_t k = 0; !is_told && k < j; k++)
			is_told = w->is_used[k] && is_same(j, k);
		if (is_told || i-- > 0)
			continue;
		*setting = needs[j].setting;
		*module = needs[j].module;
		return true;
	}
	return false;
}
