/*
 * gatecast doctor, the web server's own configuration: whether what it says
 * for Gatecast has its modules, and whether it waits longer than wsd's pings
 * are apart.
 */
#include "tool/tool_doctor.h"
#include "tool/tool_webserver.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define USUAL_MS 60000 /* what all three wait when nothing is said */

static const char modules_name[] = "web server modules";
static const char times_name[] = "web server time-outs";

static const struct {
	const char *name; /* in the path of its configuration */
	const char *path; /* where Debian's package has it */
	const char *before, *behind; /* the seconds of a time-out */
} servers[] = {
    [TOOL_WEBCONF_LIGHTTPD] = {"lighttpd", "/etc/lighttpd/lighttpd.conf",
	"server.max-read-idle = ", " in the block of /websocket"},
    [TOOL_WEBCONF_APACHE] = {"apache", "/etc/apache2/apache2.conf",
	"timeout=", " behind ProxyPass \"/websocket\""},
    [TOOL_WEBCONF_NGINX] = {"nginx", "/etc/nginx/nginx.conf",
	"proxy_read_timeout ", "s; in the location of /websocket"},
};
#define SERVERS (sizeof(servers) / sizeof(servers[0]))

static void
tell_modules(struct doctor *d, const struct tool_webserver *w, const char *path)
{
	bool is_apache = w->kind == TOOL_WEBCONF_APACHE;
	const char *setting, *module;

	if (w->kind == TOOL_WEBCONF_NGINX) {
		doctor_skip(d, modules_name,
		    "%s: nginx's are built in; nginx -t names one that is not",
		    path);
		return;
	}
	for (size_t i = 0; tool_webserver_need(w, i, &setting, &module); i++) {
		doctor_find(d, true, modules_name,
		    "%s uses %s, and nothing there loads %s%s", path, setting,
		    module, is_apache ? "" : " outside of all conditions");
		if (is_apache)
			doctor_fix(d,
			    "a2enmod %s, then systemctl restart apache2",
			    module);
		else
			doctor_fix(d,
			    "server.modules += (\"%s\") at the top of %s, "
			    "then systemctl restart lighttpd",
			    module, path);
	}
	if (tool_webserver_need(w, 0, &setting, &module))
		return;
	doctor_ok(d, modules_name, "%s loads what it uses", path);
}

static void
tell_times(struct doctor *d, const struct tool_webserver *w, const char *path)
{
	int64_t ping_s = d->t->config.wsd.ping_s;
	int64_t have_ms = w->has_timeout ? w->timeout_ms : USUAL_MS;
	int64_t want_s = ping_s < 30 ? 60 : 2 * ping_s;

	if (!w->has_channel) {
		doctor_find(d, true, times_name,
		    "%s passes no /websocket on to wsd", path);
		doctor_fix(d, "include scripts/deploy's gatecast.conf for %s",
		    servers[w->kind].name);
		return;
	}
	if (have_ms > ping_s * 1000) {
		doctor_ok(d, times_name,
		    "%s waits longer than wsd.ping_s, %" PRId64 " s", path,
		    ping_s);
		return;
	}
	doctor_find(d, true, times_name,
	    "%s: the web server gives up a connection that is silent for "
	    "%" PRId64 " ms, and wsd pings every %" PRId64
	    " s: who hears nothing is cut off",
	    w->has_timeout ? w->where : path, have_ms, ping_s);
	doctor_fix(d,
	    "%s%" PRId64 "%s; or ping_s = 25 or less in [wsd] of %s, then "
	    "gatecast drain",
	    servers[w->kind].before, want_s, servers[w->kind].behind,
	    d->t->conf_path);
}

/* is_own: it was named; else it counts if it has to do with Gatecast. */
static bool
examine(struct doctor *d, enum tool_webconf_kind kind, const char *path,
    bool is_own)
{
	struct tool_webserver w;

	if (tool_webserver_read(kind, path, &w) == -1) {
		if (!is_own && errno == ENOENT)
			return false;
		doctor_skip(d, modules_name, "%s: %s", path, strerror(errno));
		return true;
	}
	if (!is_own && !w.has_channel)
		return false;
	tell_modules(d, &w, path);
	tell_times(d, &w, path);
	return true;
}

/* Whose name comes last in the path. */
static size_t
find_kind(const char *path)
{
	const char *last = NULL;
	size_t kind = SERVERS;

	for (size_t i = 0; i < SERVERS; i++)
		for (const char *p = path;
		     (p = strstr(p, servers[i].name)) != NULL; p++)
			if (last == NULL || p > last) {
				last = p;
				kind = i;
			}
	return kind;
}

void
doctor_web(struct doctor *d, const char *name)
{
	const char *path = d->t->args.n > 0 ? d->t->args.operands[0] : NULL;
	bool is_found = false;

	if (path != NULL) {
		size_t kind = find_kind(path);
		if (kind < SERVERS) {
			examine(d, (enum tool_webconf_kind)kind, path, true);
			return;
		}
		doctor_find(d, true, name,
		    "%s: lighttpd, apache or nginx must be in the path", path);
		doctor_fix(d,
		    "name the file that the server itself reads, or "
		    "a link to it called apache.conf or alike");
		return;
	}
	for (size_t i = 0; i < SERVERS; i++)
		is_found = examine(d, (enum tool_webconf_kind)i,
			       servers[i].path, false) ||
		    is_found;
	if (!is_found)
		doctor_skip(d, name,
		    "none in /etc passes /websocket on; gatecast doctor FILE "
		    "reads the one that does");
}
