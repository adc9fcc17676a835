/*
 * The forms that words of the configuration must have. Strict on purpose:
 * what is taken here is not looked at again by those who use it.
 */
#include "base/config_form.h"

#include "base/gate_rule.h"
#include "base/number.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_HOST 253 /* RFC 1035 §2.3.4, as text */
#define MAX_PREFIX 100
#define MAX_PORT 65535

/* n bytes: a name, a dotted IPv4 address, or an IPv6 one in brackets. */
static bool
is_host(const char *s, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
	char host[MAX_HOST + 1];
	unsigned char address[sizeof(struct in6_addr)];
	bool is_numeric = true;

	if (n == 0 || n > MAX_HOST)
		return false;
	if (s[0] == '[') {
		if (n < 2 || s[n - 1] != ']')
			return false;
		memcpy(host, s + 1, n - 2);
		host[n - 2] = '\0';
		return inet_pton(AF_INET6, host, address) == 1;
	}
	memcpy(host, s, n);
	host[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (host[i] == '.') {
			if (i == 0 || host[i - 1] == '.')
				return false;
		} else if (strchr(letters, host[i]) != NULL) {
			is_numeric = false;
		} else if (host[i] < '0' || host[i] > '9') {
			return false;
		}
	}
	return !is_numeric || inet_pton(AF_INET, host, address) == 1;
}

static bool
is_port(const char *s)
{
	int64_t port;
	return s[0] != '0' && number_parse(s, strlen(s), MAX_PORT, &port);
}

/* The colon before a port: the last one that is not inside brackets. */
static char *
find_port(char *s)
{
	char *colon = strrchr(s, ':');
	return colon != NULL && strchr(colon, ']') == NULL ? colon : NULL;
}

bool
config_form_tcp(char *word)
{
	char *colon = find_port(word);
	return colon != NULL && is_host(word, (size_t)(colon - word)) &&
	    is_port(colon + 1);
}

bool
config_form_loopback(char *word)
{
	char host[INET6_ADDRSTRLEN];
	unsigned char v4[sizeof(struct in_addr)];

	if (!config_form_tcp(word))
		return false;
	size_t n = (size_t)(find_port(word) - word);
	if (n >= sizeof(host))
		return false;
	memcpy(host, word, n);
	host[n] = '\0';
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	    (inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127);
}

bool
config_form_unix(char *word)
{
	static const char prefix[] = "unix:";
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (strncmp(word, prefix, sizeof(prefix) - 1) != 0)
		return false;
	const char *path = word + sizeof(prefix) - 1;
	size_t len = strlen(path);
	return path[0] == '/' && path[len - 1] != '/' && len < room;
}

bool
config_form_listen(char *word)
{
	return config_form_unix(word) || config_form_tcp(word);
}

bool
config_form_prefix(char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._~-";
	const char *p = word;

	if (strlen(word) > MAX_PREFIX)
		return false;
	do {
		if (*p++ != '/')
			return false;
		size_t n = strspn(p, plain);
		if (n == 0 || (n <= 2 && strspn(p, ".") == n))
			return false;
		p += n;
	} while (*p != '\0');
	return true;
}

bool
config_form_origin(char *word)
{
	for (char *p = word; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	const char *default_port;
	char *host;
	if (strncmp(word, "http://", 7) == 0) {
		host = word + 7;
		default_port = ":80";
	} else if (strncmp(word, "https://", 8) == 0) {
		host = word + 8;
		default_port = ":443";
	} else {
		return false;
	}
	char *port = find_port(host);
	if (port == NULL)
		return is_host(host, strlen(host));
	if (!is_host(host, (size_t)(port - host)) || !is_port(port + 1))
		return false;
	/* Browsers leave it out (RFC 6454 §6.2). */
	if (strcmp(port, default_port) == 0)
		*port = '\0';
	return true;
}

bool
config_form_proxy(char *word)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];
	int64_t bits = 0;

	if (strcmp(word, "unix") == 0)
		return true;
	size_t n = strcspn(word, "/");
	if (n >= sizeof(address))
		return false;
	memcpy(address, word, n);
	address[n] = '\0';
	bool has_prefix = word[n] == '/';
	const char *prefix = has_prefix ? word + n + 1 : "";
	if (inet_pton(AF_INET, address, bytes) == 1)
		return !has_prefix ||
		    number_parse(prefix, strlen(prefix), 32, &bits);
	if (inet_pton(AF_INET6, address, bytes) == 1)
		return !has_prefix ||
		    number_parse(prefix, strlen(prefix), 128, &bits);
	return false;
}

bool
config_form_gate_rule(char *word)
{
	struct gate_rule rule;

	return gate_rule_parse(word, &rule);
}
