/*
 * No response is reused: one request a connection, so that nothing a proxy
 * and we might disagree about can follow on the same one.
 */
#include "wsd/refusal.h"

#include <stdio.h>
#include <string.h>

static const struct {
	int status;
	const char *phrase;
	const char *headers; /* beside the common ones */
} statuses[] = {
    {400, "Bad Request", ""},
    {401, "Unauthorized", ""},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET\r\n"},
    {426, "Upgrade Required",
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
    {429, "Too Many Requests", "Retry-After: 5\r\n"},
    {503, "Service Unavailable", "Retry-After: 5\r\n"},
};

_Static_assert(
    sizeof(statuses) / sizeof(statuses[0]) == REFUSAL_STATUSES, "as declared");

int
refusal_status(size_t i)
{
	return statuses[i].status;
}

size_t
refusal_index(int status)
{
	size_t i = 0;
	while (i < REFUSAL_STATUSES - 1 && statuses[i].status != status)
		i++;
	return i;
}

size_t
refusal_format(int status, const char *why, char out[static REFUSAL_SIZE])
{
	size_t i = refusal_index(status);
	int n = snprintf(out, REFUSAL_SIZE,
	    "HTTP/1.1 %d %s\r\n"
	    "Connection: %sclose\r\n"
	    "%s"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "Content-Security-Policy: default-src 'none'; "
	    "frame-ancestors 'none'\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Referrer-Policy: no-referrer\r\n"
	    "\r\n"
	    "%.256s\n",
	    statuses[i].status, statuses[i].phrase,
	    statuses[i].status == 426 ? "upgrade, " : "", statuses[i].headers,
	    strnlen(why, 256) + 1, why);
	return (size_t)n;
}
