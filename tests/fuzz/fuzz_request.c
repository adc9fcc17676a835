/*
 * Parameters as a web server might hand them on, one a line: the fields lie
 * inside them, what decides came once, and who asks is the peer's own address
 * unless a trusted proxy says another.
 */
#include "fcgi-app/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int condition)
{
	if (!condition)
		abort();
}

static const struct config *
config_of(enum config_forwarded kind)
{
	static char item[] = "10.0.0.0/8";
	static char *items[] = {item};
	static struct config config;

	config.site.trusted_proxies = (struct config_list){items, 1};
	config.site.forwarded_header = kind;
	return &config;
}

/* How often a parameter of that name is there. */
static size_t
count(char *const *params, const char *name)
{
	size_t n = strlen(name), found = 0;

	for (; *params != NULL; params++)
		found += strncmp(*params, name, n) == 0 && (*params)[n] == '=';
	return found;
}

static void
check_fields(const struct request *r, char *const *params)
{
	static const char *const single[] = {"REQUEST_METHOD", "SCRIPT_NAME",
	    "PATH_INFO", "REQUEST_URI", "QUERY_STRING", "CONTENT_LENGTH",
	    "HTTP_HOST", "HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "REMOTE_ADDR",
	    "HTTPS"};

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		check(count(params, single[i]) <= 1);
	check(count(params, "REQUEST_METHOD") == 1);
	check(r->n_cookies == count(params, "HTTP_COOKIE") &&
	    r->n_cookies <= COOKIE_HEADERS_MAX);
	check(r->query != NULL && strlen(r->query) <= REQUEST_QUERY_MAX);
	check(memchr(r->path, '\0', sizeof(r->path)) != NULL);
	check(r->path[0] != '\0' || r->is_long);
	check(r->content_length >= -1);
}

static void
check_client(struct request *r)
{
	static const enum config_forwarded kinds[] = {
	    CONFIG_FORWARDED_X, CONFIG_FORWARDED_RFC};

	for (size_t i = 0; i < 2; i++) {
		const struct config *config = config_of(kinds[i]);
		const char *peer = r->remote_addr != NULL ? r->remote_addr : "";

		request_settle(r, config);
		check(memchr(r->address, '\0', sizeof(r->address)) != NULL);
		if (strncmp(peer, "unix:", 5) == 0 ||
		    address_is_trusted_proxy(
			&config->site.trusted_proxies, peer))
			continue;
		/* Nothing that came along makes a stranger another one. */
		char address[sizeof(r->address)];
		struct request alone = *r;
		bool is_https = r->is_https;
		memcpy(address, r->address, sizeof(address));
		alone.forwarded = alone.forwarded_for = NULL;
		alone.forwarded_proto = NULL;
		request_settle(&alone, config);
		check(strcmp(alone.address, address) == 0 &&
		    alone.is_https == is_https);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *params[PARAMS_MAX + 1];
	struct request r;
	size_t n = 0;

	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = strtok(text, "\n"); line != NULL && n < PARAMS_MAX;
	     line = strtok(NULL, "\n"))
		params[n++] = line;
	params[n] = NULL;
	if (request_parse(params, &r) == REQUEST_OK) {
		check_fields(&r, params);
		check_client(&r);
	}
	free(text);
	return 0;
}
