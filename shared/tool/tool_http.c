#include "tool/tool_http.h"

#include "tool/tool_tls.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

bool
tool_http_is_https(const char *origin)
{
	return strncasecmp(origin, "https:", 6) == 0;
}

/* Behind the scheme: HOST[:PORT]. */
static const char *
authority_of(const char *origin)
{
	return strstr(origin, "//") + 2;
}

/* Cuts a copy of HOST[:PORT], IPv6 in brackets, into its two parts. */
static char *
split(char *authority, const char **port)
{
	char *end = authority[0] == '[' ? strchr(authority, ']') : NULL;
	char *colon = strchr(end == NULL ? authority : end, ':');

	if (colon != NULL) {
		*colon = '\0';
		*port = colon + 1;
	}
	if (end == NULL)
		return authority;
	*end = '\0';
	return authority + 1;
}

/* A socket, or -1. */
static int
reach(const char *host, const char *port)
{
	const struct timeval limit = {.tv_sec = TOOL_HTTP_TIMEOUT_S};
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &all) != 0)
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

/* tls NULL: in the clear. */
static void
converse(int fd, struct tool_tls *tls, const char *request, size_t n,
    struct tool_http_answer *out)
{
	size_t have = 0;
	ssize_t got = tls == NULL ? send(fd, request, n, MSG_NOSIGNAL)
				  : tool_tls_write(tls, request, n);

	if (got != (ssize_t)n)
		return;
	while (have < sizeof(out->bytes)) {
		char *at = out->bytes + have;
		size_t room = sizeof(out->bytes) - have;
		got = tls == NULL ? recv(fd, at, room, 0)
				  : tool_tls_read(tls, at, room);
		if (got <= 0)
			break;
		have += (size_t)got;
		switch (tool_head_parse(out->bytes, have, &out->head)) {
		case TOOL_HEAD_PARTIAL:
			break;
		case TOOL_HEAD_OK:
			return;
		case TOOL_HEAD_INVALID:
			have = sizeof(out->bytes);
			break;
		}
	}
	out->head.status = 0;
}

bool
tool_http_get(const char *origin, const char *path, const char *headers,
    struct tool_http_answer *out)
{
	const char *authority = authority_of(origin);
	bool is_https = tool_http_is_https(origin);
	const char *port = is_https ? "443" : "80";
	struct tool_tls *tls = NULL;
	char copy[256], request[2048];

	out->head = (struct tool_head){.status = 0};
	out->cert_why = NULL;
	int n = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, authority, headers);
	if (n < 0 || (size_t)n >= sizeof(request) ||
	    strlen(authority) >= sizeof(copy))
		return false;
	char *host = split(strcpy(copy, authority), &port);
	int fd = reach(host, port);
	if (fd == -1)
		return false;
	if (!is_https || (tls = tool_tls_new(fd, host, &out->cert_why)) != NULL)
		converse(fd, tls, request, (size_t)n, out);
	tool_tls_free(tls);
	close(fd);
	return out->head.status != 0;
}
