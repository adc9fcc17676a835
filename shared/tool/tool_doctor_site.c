/*
 * gatecast doctor, what the site answers: its own origins are asked for a
 * session and for a WebSocket, without a cookie, as wsd would refuse them. No
 * TLS here: an https origin is told to be looked at by hand.
 */
#include "tool/tool_doctor.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 5
#define SKEW_S 60 /* beyond it, sessions end early or late */

/* The head of an answer. */
struct answer {
	int status; /* 0: none */
	int64_t date_s; /* 0: none */
	int64_t asked_s;
};

/* A socket, or -1. authority: HOST[:PORT], IPv6 in brackets. */
static int
reach(const char *authority)
{
	const struct timeval limit = {.tv_sec = TIMEOUT_S};
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all;
	char host[256];
	int fd = -1;

	snprintf(host, sizeof(host), "%s", authority);
	char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	char *colon = strchr(end == NULL ? host : end, ':');
	if (colon != NULL)
		*colon++ = '\0';
	if (end != NULL)
		*end = '\0';
	if (getaddrinfo(end == NULL ? host : host + 1,
		colon == NULL ? "80" : colon, &hints, &all) != 0)
		return -1;
	for (const struct addrinfo *a = all; fd == -1 && a != NULL;
	     a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			continue;
		/* The limit of sending is connect's too. */
		if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			sizeof(limit)) == -1 ||
		    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
			sizeof(limit)) == -1 ||
		    connect(fd, a->ai_addr, a->ai_addrlen) == -1) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(all);
	return fd;
}

static void
read_date(struct answer *a, const char *head)
{
	const char *date = strcasestr(head, "\r\nDate:");
	struct tm tm = {.tm_isdst = 0};

	if (date != NULL &&
	    strptime(date + 7, " %a, %d %b %Y %H:%M:%S GMT", &tm) != NULL)
		a->date_s = (int64_t)timegm(&tm);
}

/* GET of the path with those headers, each ended by CR LF. */
static struct answer
ask(const struct doctor *d, const char *authority, const char *path,
    const char *headers)
{
	struct answer a = {.status = 0};
	char text[8192];
	size_t have = 0;
	ssize_t n;

	int fd = reach(authority);
	if (fd == -1)
		return a;
	int len = snprintf(text, sizeof(text),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, authority, headers);
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) == len) {
		text[0] = '\0';
		while (have < sizeof(text) - 1 &&
		    strstr(text, "\r\n\r\n") == NULL &&
		    (n = recv(fd, text + have, sizeof(text) - 1 - have, 0)) >
			0) {
			have += (size_t)n;
			text[have] = '\0';
		}
		if (sscanf(text, "HTTP/1.%*1d %3d", &a.status) != 1)
			a.status = 0;
		a.asked_s = clock_wall_s(d->t->clock);
		read_date(&a, text);
	}
	close(fd);
	return a;
}

/* Of a handshake without a cookie, from a page of that origin. */
static int
shake_hands(const struct doctor *d, const char *authority, const char *origin)
{
	char headers[1024];

	snprintf(headers, sizeof(headers),
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Origin: %s\r\n",
	    origin);
	return ask(d, authority, "/websocket", headers).status;
}

/* wsd takes a handshake for one without a session (401) when all is well. */
static bool
check_websocket(struct doctor *d, const char *name, const char *origin,
    const char *authority)
{
	int status = shake_hands(d, authority, origin);

	if (status == 401)
		return true;
	doctor_find(d, true, name,
	    "%s/websocket answers %d to a handshake without a session, not "
	    "401",
	    origin, status);
	switch (status) {
	case 400:
	case 426:
		doctor_fix("the web server drops Upgrade. lighttpd: "
			   "\"upgrade\" => \"enable\" in proxy.header; Apache: "
			   "upgrade=websocket behind ProxyPass; nginx: "
			   "proxy_http_version 1.1; proxy_set_header Upgrade "
			   "$http_upgrade; proxy_set_header Connection "
			   "\"upgrade\";");
		break;
	case 403:
		doctor_fix("wsd has another origin, or the web server changes "
			   "Origin or Host: start wsd again with -c %s; "
			   "nginx: proxy_set_header Host $http_host;",
		    d->t->conf_path);
		break;
	case 502:
	case 503:
	case 504:
		doctor_fix("wsd is not where the web server looks for it: "
			   "let it pass /websocket to %s",
		    d->t->config.wsd.listen);
		break;
	default:
		doctor_fix("let the web server pass /websocket to wsd: see "
			   "scripts/deploy");
		break;
	}
	return false;
}

static bool
check_clock(struct doctor *d, const char *origin, const struct answer *a)
{
	int64_t skew = a->date_s - a->asked_s;

	if (a->date_s == 0 || (skew <= SKEW_S && skew >= -SKEW_S))
		return true;
	doctor_find(d, false, "clock",
	    "%s is %" PRId64 " s %s this machine: sessions end at the wrong "
	    "time",
	    origin, skew < 0 ? -skew : skew, skew < 0 ? "behind" : "before");
	doctor_fix("timedatectl set-ntp true, on both machines");
	return false;
}

static void
check_origin(struct doctor *d, const char *name, const char *origin)
{
	static const char prefix[] = "http://";

	if (strncasecmp(origin, prefix, sizeof(prefix) - 1) != 0) {
		doctor_skip(name, "%s was not asked: no TLS here", origin);
		return;
	}
	const char *authority = origin + sizeof(prefix) - 1;
	struct answer a =
	    ask(d, authority, "/session", "Connection: close\r\n");
	if (a.status == 0) {
		doctor_find(d, true, name, "%s does not answer within %d s",
		    origin, TIMEOUT_S);
		doctor_fix("start the web server, or write the site's own "
			   "address: origins = ... in [site] of %s",
		    d->t->conf_path);
		return;
	}
	if (a.status != 401) {
		doctor_find(d, true, name,
		    "%s/session answers %d to one without a session, not 401",
		    origin, a.status);
		doctor_fix("let the web server pass /session to login.fcgi "
			   "(scripts/deploy), or write the site's own "
			   "address: origins = ... in [site] of %s",
		    d->t->conf_path);
		return;
	}
	bool is_good = check_clock(d, origin, &a);
	if (check_websocket(d, name, origin, authority) && is_good)
		doctor_ok(name, "%s answers", origin);
}

void
doctor_site(struct doctor *d, const char *name)
{
	const struct config_list *origins = &d->t->config.site.origins;

	for (size_t i = 0; i < origins->n; i++)
		check_origin(d, name, origins->items[i]);
	if (origins->n == 0)
		doctor_skip(name, "site.origins is empty, nobody was asked");
}
