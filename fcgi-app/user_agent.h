/*
 * A User-Agent header (RFC 9110 §10.1.5) in words for the person who owns
 * the browser: "Firefox 128", "Windows". Pure.
 */
#ifndef FCGI_APP_USER_AGENT_H
#define FCGI_APP_USER_AGENT_H

#include <stddef.h>

#define USER_AGENT_WORD_SIZE 32

struct user_agent {
	char browser[USER_AGENT_WORD_SIZE]; /* printable ASCII; "": unknown */
	char system[USER_AGENT_WORD_SIZE];
};

/* Never fails: what is not known stays "". */
void user_agent_read(const char *bytes, size_t n, struct user_agent *out);

#endif
