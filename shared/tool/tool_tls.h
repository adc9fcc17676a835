/*
 * A connection to a server of https, as a browser makes one. The only file
 * that knows OpenSSL, which libwebsockets brings along.
 */
#ifndef TOOL_TOOL_TLS_H
#define TOOL_TOOL_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct tool_tls;

/*
 * Speaks TLS over fd, a connected socket with time limits of its own, which
 * stays the caller's. host: a name or an address without brackets. NULL: no
 * TLS there, or no memory. A certificate that browsers do not take does not
 * end it: *why (NULL: it is good) says what is wrong, static storage.
 */
struct tool_tls *tool_tls_new(int fd, const char *host, const char **why);
void tool_tls_free(struct tool_tls *t); /* NULL is legal */

/* As send and recv do: bytes, 0 at the end, -1. */
ssize_t tool_tls_write(struct tool_tls *t, const char *bytes, size_t n);
ssize_t tool_tls_read(struct tool_tls *t, char *bytes, size_t n);

#endif
