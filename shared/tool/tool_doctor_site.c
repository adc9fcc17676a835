/*
 * gatecast doctor, what the site answers: its own origins are asked as a
 * browser asks them, for a session, the sign-in page, a style and a WebSocket.
 * No session is made for it: whether cookies arrive is told by those that need
 * none.
 */
#include "tool/tool_doctor.h"
#include "tool/tool_http.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SKEW_S 60 /* beyond it, sessions end early or late */
#define PLAIN "Connection: close\r\n"
/* No page of ours is there (RFC 2606 §2). */
#define STRANGER "https://stranger.invalid"

struct site {
	struct doctor *d;
	const char *origin;
	bool is_https;
	struct tool_http_answer *answer; /* the last one */
};

/* The status, 0 for no answer. path: of Gatecast's, below its prefix. */
static int
ask(struct site *s, const char *path, const char *headers)
{
	char whole[256];

	snprintf(
	    whole, sizeof(whole), "%s%s", s->d->t->config.site.prefix, path);
	tool_http_get(s->origin, whole, headers, s->answer);
	return s->answer->head.status;
}

/* The value of a field begins so, in any case. */
static bool
has_field(struct site *s, const char *name, const char *start)
{
	const char *value;
	size_t n;

	return tool_head_field(&s->answer->head, name, 0, &value, &n) &&
	    n >= strlen(start) && strncasecmp(value, start, strlen(start)) == 0;
}

static void
check_certificate(struct site *s)
{
	static const char name[] = "certificate";

	if (!s->is_https)
		return;
	if (s->answer->cert_why == NULL) {
		doctor_ok(s->d, name, "%s has a good one", s->origin);
		return;
	}
	doctor_find(s->d, true, name, "browsers do not trust %s: %s", s->origin,
	    s->answer->cert_why);
	doctor_fix(s->d,
	    "a certificate for that name: certbot, or of your own CA, and "
	    "then SSL_CERT_FILE=CA.pem gatecast doctor");
}

static void
check_clock(struct site *s)
{
	int64_t date_s = tool_head_date_s(&s->answer->head);
	int64_t skew_s = date_s - clock_wall_s(s->d->t->clock);

	if (date_s == 0) {
		doctor_skip(
		    s->d, "clock", "%s does not say its time", s->origin);
		return;
	}
	if (skew_s <= SKEW_S && skew_s >= -SKEW_S) {
		doctor_ok(s->d, "clock", "as %s has it", s->origin);
		return;
	}
	doctor_find(s->d, false, "clock",
	    "%s is %" PRId64 " s %s this machine: sessions end at the wrong "
	    "time",
	    s->origin, skew_s < 0 ? -skew_s : skew_s,
	    skew_s < 0 ? "behind" : "before");
	doctor_fix(s->d, "timedatectl set-ntp true, on both machines");
}

/*
 * The name and value of the cookie that the sign-in page sets; false: none.
 * It is set for who does not bring it (fcgi-app/csrf.h).
 */
static bool
find_cookie(struct site *s, char *pair, size_t size, bool *is_secure)
{
	static const char secure[] = "__Host-gatecast-pre=",
			  plain[] = "gatecast-pre=";
	const char *value;
	size_t n;

	for (size_t i = 0;
	     tool_head_field(&s->answer->head, "Set-Cookie", i, &value, &n);
	     i++) {
		*is_secure = n > sizeof(secure) &&
		    memcmp(value, secure, sizeof(secure) - 1) == 0;
		if (!*is_secure &&
		    (n <= sizeof(plain) ||
			memcmp(value, plain, sizeof(plain) - 1) != 0))
			continue;
		const char *end = memchr(value, ';', n);
		int len = (int)(end == NULL ? n : (size_t)(end - value));
		return snprintf(pair, size, "%.*s", len, value) < (int)size;
	}
	return false;
}

static void
fix_scheme(struct site *s)
{
	doctor_fix(s->d,
	    "let the proxy say so: Apache: RequestHeader set "
	    "X-Forwarded-Proto https; nginx: proxy_set_header "
	    "X-Forwarded-Proto $scheme; or fastcgi_param HTTPS on; and "
	    "its address: trusted_proxies = ... in [site] of %s",
	    s->d->t->conf_path);
}

/* Both ways, through whatever stands before login.fcgi. */
static void
check_cookies(struct site *s)
{
	static const char name[] = "cookies";
	char pair[512], again[512], headers[640];
	bool is_secure;

	int status = ask(s, "/login", PLAIN);
	if (status == 403 && !s->is_https) {
		doctor_skip(
		    s->d, name, "%s sets none over plain http", s->origin);
		return;
	}
	if (status == 403) {
		doctor_find(s->d, true, name,
		    "%s is https, and login.fcgi is told that it is http: "
		    "nobody can sign in",
		    s->origin);
		fix_scheme(s);
		return;
	}
	if (status != 200) {
		doctor_find(s->d, true, name, "%s/login answers %d, not 200",
		    s->origin, status);
		doctor_fix(
		    s->d, "see what login.fcgi says: journalctl -u login-fcgi");
		return;
	}
	if (!find_cookie(s, pair, sizeof(pair), &is_secure)) {
		doctor_find(s->d, true, name,
		    "Set-Cookie of %s/login is lost on its way: nobody can "
		    "sign in",
		    s->origin);
		doctor_fix(s->d,
		    "let the proxy hand on Set-Cookie, and cache nothing: "
		    "nginx: no proxy_hide_header Set-Cookie and no "
		    "proxy_ignore_headers; Apache: no Header unset Set-Cookie");
		return;
	}
	if (s->is_https && !is_secure) {
		doctor_find(s->d, true, name,
		    "%s is https, and its cookies are those of plain http",
		    s->origin);
		fix_scheme(s);
		return;
	}
	snprintf(headers, sizeof(headers), PLAIN "Cookie: %s\r\n", pair);
	status = ask(s, "/login", headers);
	if (status != 200 || find_cookie(s, again, sizeof(again), &is_secure)) {
		doctor_find(s->d, true, name,
		    "the Cookie that a browser sends to %s does not arrive at "
		    "login.fcgi: nobody stays signed in",
		    s->origin);
		doctor_fix(s->d,
		    "let the proxy hand on Cookie: nginx: no "
		    "proxy_set_header Cookie \"\"; Apache: no RequestHeader "
		    "unset Cookie; Varnish: return (pass)");
		return;
	}
	doctor_ok(s->d, name, "%s passes them on, both ways", s->origin);
}

static void
check_static(struct site *s)
{
	static const char name[] = "static files";
	static const char path[] = "/static/js/gatecast.js";

	int status = ask(s, path, PLAIN);
	if (status == 200 && has_field(s, "Content-Type", "text/javascript") &&
	    has_field(s, "X-Content-Type-Options", "nosniff")) {
		doctor_ok(s->d, name, "%s has them", s->origin);
		return;
	}
	if (status != 200)
		doctor_find(s->d, true, name,
		    "%s%s answers %d: the pages have no style and no script",
		    s->origin, path, status);
	else
		doctor_find(s->d, true, name,
		    "%s%s comes without its type or nosniff: browsers may not "
		    "run it",
		    s->origin, path);
	doctor_fix(s->d,
	    "let the web server serve /static/ as scripts/deploy has it. "
	    "lighttpd: mod_alias and mod_setenv in server.modules, outside of "
	    "conditions; Apache: a2enmod alias headers mime; and www/static "
	    "readable by it");
}

/* Of a handshake from a page of that origin, with those headers. */
static int
shake_hands(struct site *s, const char *origin, const char *more)
{
	char headers[1024];

	snprintf(headers, sizeof(headers),
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Protocol: gatecast.v1\r\n"
	    "Origin: %s\r\n%s",
	    origin, more);
	return ask(s, "/websocket", headers);
}

static void
fix_websocket(struct site *s, int status)
{
	struct doctor *d = s->d;

	switch (status) {
	case 400:
	case 426:
		doctor_fix(d,
		    "the web server drops Upgrade. lighttpd: "
		    "\"upgrade\" => \"enable\" in proxy.header; Apache: "
		    "upgrade=websocket behind ProxyPass; nginx: "
		    "proxy_http_version 1.1; proxy_set_header Upgrade "
		    "$http_upgrade; proxy_set_header Connection "
		    "\"upgrade\";");
		break;
	case 403:
		doctor_fix(d,
		    "wsd has another origin, or the web server changes "
		    "Origin or Host: start wsd again with -c %s; "
		    "nginx: proxy_set_header Host $http_host;",
		    d->t->conf_path);
		break;
	case 500:
		doctor_fix(d,
		    "Apache has no handler for it: a2enmod proxy_http, then "
		    "systemctl restart apache2");
		break;
	case 502:
	case 503:
	case 504:
		doctor_fix(d,
		    "wsd is not where the web server looks for it: "
		    "let it pass /websocket to %s",
		    d->t->config.wsd.listen);
		break;
	default:
		doctor_fix(d,
		    "let the web server pass /websocket to wsd: see "
		    "scripts/deploy; lighttpd: mod_proxy in server.modules, "
		    "outside of conditions");
		break;
	}
}

/*
 * wsd refuses in this order: no Upgrade (426), a foreign Origin (403), two
 * cookies of one name (400), none (401). So each status tells what of a
 * handshake without a session has arrived.
 */
static void
check_websocket(struct site *s)
{
	static const char name[] = "websocket";
	const char *cookies = s->is_https
	    ? "Cookie: __Host-gatecast=a; __Host-gatecast=b\r\n"
	    : "Cookie: gatecast=a; gatecast=b\r\n";

	int status = shake_hands(s, s->origin, "");
	if (status != 401) {
		doctor_find(s->d, true, name,
		    "%s/websocket answers %d to a handshake without a "
		    "session, not 401",
		    s->origin, status);
		fix_websocket(s, status);
		return;
	}
	status = shake_hands(s, STRANGER, "");
	if (status != 403) {
		doctor_find(s->d, true, name,
		    "%s/websocket answers %d to a page of %s, not 403: the "
		    "pages of others can speak for your users",
		    s->origin, status, STRANGER);
		doctor_fix(s->d,
		    "let the proxy hand on Origin as it comes: nginx: no "
		    "proxy_set_header Origin; Apache: no RequestHeader set "
		    "Origin; lighttpd: no Origin in proxy.header");
		return;
	}
	if (!s->is_https && !s->d->t->config.login.plain_http) {
		doctor_ok(s->d, name, "%s, but for cookies", s->origin);
		return;
	}
	status = shake_hands(s, s->origin, cookies);
	if (status == 400) {
		doctor_ok(s->d, name, "%s hands on Upgrade, Origin and Cookie",
		    s->origin);
		return;
	}
	doctor_find(s->d, true, name,
	    "the Cookie that a browser sends to %s/websocket does not arrive "
	    "at wsd (%d, not 400): nobody can connect",
	    s->origin, status);
	doctor_fix(s->d,
	    "let the proxy hand on Cookie there: nginx: no proxy_set_header "
	    "Cookie \"\"; Apache: no RequestHeader unset Cookie");
}

static void
check_origin(struct site *s, const char *name)
{
	struct doctor *d = s->d;

	int status = ask(s, "/session", PLAIN);
	if (status == 0) {
		doctor_find(d, true, name, "%s does not answer within %d s",
		    s->origin, TOOL_HTTP_TIMEOUT_S);
		doctor_fix(d,
		    "start the web server (one that refuses its configuration "
		    "says why: lighttpd -tt -f FILE, apachectl -t, nginx -t), "
		    "or write the site's own address: origins = ... in [site] "
		    "of %s",
		    d->t->conf_path);
		return;
	}
	check_certificate(s);
	check_clock(s);
	if (status != 401) {
		doctor_find(d, true, name,
		    "%s/session answers %d to one without a session, not 401",
		    s->origin, status);
		doctor_fix(d,
		    "%slet the web server pass /session to login.fcgi "
		    "(scripts/deploy), or write the site's own "
		    "address: origins = ... in [site] of %s",
		    status == 500 ? "Apache without a handler for it: a2enmod "
				    "proxy_fcgi; else "
				  : "",
		    d->t->conf_path);
		return;
	}
	doctor_ok(d, name, "%s answers", s->origin);
	check_cookies(s);
	check_static(s);
	check_websocket(s);
}

void
doctor_site(struct doctor *d, const char *name)
{
	const struct config_list *origins = &d->t->config.site.origins;
	struct tool_http_answer *answer = malloc(sizeof(*answer));

	for (size_t i = 0; answer != NULL && i < origins->n; i++) {
		struct site s = {.d = d,
		    .origin = origins->items[i],
		    .is_https = tool_http_is_https(origins->items[i]),
		    .answer = answer};
		check_origin(&s, name);
	}
	if (answer == NULL)
		doctor_skip(d, name, "out of memory");
	else if (origins->n == 0)
		doctor_skip(d, name, "site.origins is empty, nobody was asked");
	free(answer);
}
