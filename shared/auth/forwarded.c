/*
 * Read from the left, since a comma may stand between quotes, and believed
 * from the right, where the nearest proxy writes. What a client sent ahead of
 * it may spoil the header for itself, and can do no more.
 */
#include "auth/forwarded.h"

#include <string.h>
#include <strings.h>

struct cursor {
	const char *p;
	const char *end;
};

/* RFC 9110 §5.6.2 */
static bool
is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
take(struct cursor *c, char want)
{
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static void
skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static size_t
take_token(struct cursor *c, const char **out)
{
	*out = c->p;
	while (c->p < c->end && is_token(*c->p))
		c->p++;
	return (size_t)(c->p - *out);
}

/* Behind the opening quote; escapes stay as they are written. */
static bool
take_quoted(struct cursor *c, const char **out, size_t *n)
{
	*out = c->p;
	while (c->p < c->end && *c->p != '"') {
		if (*c->p == '\\' && ++c->p == c->end)
			return false;
		unsigned char byte = (unsigned char)*c->p;
		if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
			return false;
		c->p++;
	}
	*n = (size_t)(c->p - *out);
	return take(c, '"');
}

static bool
is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

struct element {
	struct forwarded_hop hop;
	bool has_for, has_proto, has_by, has_host;
};

/* Notes that a parameter of the element has come. false: it had before. */
static bool
note(bool *has)
{
	bool had = *has;

	*has = true;
	return !had;
}

static enum forwarded_err
take_pair(struct cursor *c, struct element *e)
{
	const char *name, *value;
	size_t value_len, name_len = take_token(c, &name);
	bool is_first = true;

	if (name_len == 0 || !take(c, '='))
		return FORWARDED_SYNTAX;
	if (take(c, '"')) {
		if (!take_quoted(c, &value, &value_len))
			return FORWARDED_SYNTAX;
	} else if ((value_len = take_token(c, &value)) == 0) {
		return FORWARDED_SYNTAX;
	}
	if (is_word(name, name_len, "for")) {
		is_first = note(&e->has_for);
		e->hop.node = value;
		e->hop.node_len = value_len;
	} else if (is_word(name, name_len, "proto")) {
		is_first = note(&e->has_proto);
		e->hop.scheme = is_word(value, value_len, "https")
		    ? FORWARDED_HTTPS
		    : FORWARDED_HTTP;
	} else if (is_word(name, name_len, "by")) {
		is_first = note(&e->has_by);
	} else if (is_word(name, name_len, "host")) {
		is_first = note(&e->has_host);
	}
	return is_first ? FORWARDED_OK : FORWARDED_DOUBLE;
}

static bool
is_at(const struct cursor *c, char byte)
{
	return c->p < c->end && *c->p == byte;
}

/* [ pair ] *( ";" [ pair ] ), with one pair at least */
static enum forwarded_err
take_element(struct cursor *c, struct element *e)
{
	bool is_empty = true;

	for (;;) {
		if (c->p < c->end && is_token(*c->p)) {
			enum forwarded_err err = take_pair(c, e);
			if (err != FORWARDED_OK)
				return err;
			is_empty = false;
		}
		if (!take(c, ';'))
			return is_empty ? FORWARDED_SYNTAX : FORWARDED_OK;
	}
}

enum forwarded_err
forwarded_parse(const char *bytes, size_t n,
    struct forwarded_hop hops[static FORWARDED_HOPS_MAX], size_t *count)
{
	struct cursor c = {bytes, bytes + n};

	*count = 0;
	for (;;) {
		struct element e = {.hop = {"", 0, FORWARDED_UNSAID}};

		/* A list may have empty elements (RFC 9110 §5.6.1.2). */
		skip_blanks(&c);
		if (c.p == c.end)
			return FORWARDED_OK;
		if (take(&c, ','))
			continue;
		enum forwarded_err err = take_element(&c, &e);
		if (err != FORWARDED_OK)
			return err;
		skip_blanks(&c);
		if (c.p < c.end && !is_at(&c, ','))
			return FORWARDED_SYNTAX;
		if (*count == FORWARDED_HOPS_MAX)
			return FORWARDED_LONG;
		hops[(*count)++] = e.hop;
	}
}

void
forwarded_client(const struct config_list *proxies, const char *peer,
    const char *bytes, size_t n, struct forwarded *out)
{
	struct forwarded_hop hops[FORWARDED_HOPS_MAX];
	size_t count;
	bool is_trusted = true;

	address_of_client(proxies, peer, "", 0, out->address);
	out->scheme = FORWARDED_UNSAID;
	if (!address_is_trusted_proxy(proxies, peer) ||
	    forwarded_parse(bytes, n, hops, &count) != FORWARDED_OK)
		return;
	while (count-- > 0 && is_trusted) {
		const struct forwarded_hop *hop = &hops[count];

		if (hop->scheme != FORWARDED_UNSAID)
			out->scheme = hop->scheme;
		if (!address_hop(proxies, hop->node, hop->node_len,
			out->address, &is_trusted))
			return;
	}
}
