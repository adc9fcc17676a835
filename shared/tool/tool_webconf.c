#include "tool/tool_webconf.h"

#include "base/buf.h"

#include <string.h>
#include <strings.h>

#define DEPTH_MAX 32
#define TIME_MAX_MS ((int64_t)400 * 24 * 3600 * 1000)

struct reader {
	enum tool_webconf_kind kind;
	struct buf text; /* of the setting that is being read */
	bool is_word; /* its last word goes on */
	char quote; /* what ends the open one, or NUL */
	size_t parens;
	size_t line;
	/* The scope at each depth of this file; the first is outer. */
	struct tool_webconf_scope scopes[DEPTH_MAX + 1];
	size_t depth; /* may exceed DEPTH_MAX, whose scope then stands */
	tool_webconf_fn *fn;
	void *arg;
};

static const struct tool_webconf_scope *
scope_of(const struct reader *r)
{
	return &r->scopes[r->depth < DEPTH_MAX ? r->depth : DEPTH_MAX];
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* Whether a block with that head is for some paths alone. */
static bool
is_for_paths(enum tool_webconf_kind kind, const char *head)
{
	switch (kind) {
	case TOOL_WEBCONF_LIGHTTPD:
		return has(head, "$HTTP[url]");
	case TOOL_WEBCONF_APACHE:
		return strncasecmp(head, "<Location", 9) == 0 ||
		    strncasecmp(head, "<Directory", 10) == 0 ||
		    strncasecmp(head, "<Files", 6) == 0;
	case TOOL_WEBCONF_NGINX:
		break;
	}
	return strncmp(head, "location ", 9) == 0;
}

static void
open_block(struct reader *r)
{
	struct tool_webconf_scope scope = *scope_of(r);
	const char *head = buf_str(&r->text);

	scope.depth++;
	if (strncasecmp(head, "<IfModule", 9) == 0)
		scope.is_optional = true;
	if (is_for_paths(r->kind, head)) {
		/* All paths but these are none of it. */
		scope.is_channel = has(head, "websocket") && !has(head, "!~") &&
		    !has(head, "(?!");
		scope.is_elsewhere = !scope.is_channel;
	}
	if (++r->depth <= DEPTH_MAX)
		r->scopes[r->depth] = scope;
	buf_reset(&r->text);
	r->is_word = false;
}

static void
close_block(struct reader *r)
{
	if (r->depth > 0)
		r->depth--;
}

/* The setting that has been read, if there is one. */
static int
emit(struct reader *r)
{
	struct tool_webconf_setting s = {
	    .line = r->line, .scope = *scope_of(r)};
	int rc = 0;

	r->is_word = false;
	if (r->text.len == 0)
		return 0;
	if (r->kind == TOOL_WEBCONF_APACHE && r->text.data[0] == '<') {
		if (r->text.data[1] != '/') {
			open_block(r);
			return 0;
		}
		close_block(r);
	} else {
		/* lighttpd needs no blank before "=". */
		size_t n = strcspn(r->text.data,
		    r->kind == TOOL_WEBCONF_LIGHTTPD ? " =+:" : " ");
		/* A sign in place of the blank is not missed. */
		s.value = r->text.data + n + (r->text.data[n] != '\0');
		r->text.data[n] = '\0';
		s.name = r->text.data;
		rc = r->fn(r->arg, &s);
	}
	buf_reset(&r->text);
	return rc;
}

static void
put(struct reader *r, char c)
{
	if (!r->is_word && r->text.len > 0)
		buf_putc(&r->text, ' ');
	r->is_word = true;
	if (c != '\0')
		buf_putc(&r->text, c);
}

/* A head of lighttpd's whose brace comes on a later line. */
static bool
is_head(const struct reader *r)
{
	return r->kind == TOOL_WEBCONF_LIGHTTPD &&
	    (buf_str(&r->text)[0] == '$' ||
		strncmp(buf_str(&r->text), "else", 4) == 0);
}

static int
end_line(struct reader *r)
{
	int rc = 0;

	if (r->kind != TOOL_WEBCONF_NGINX && r->parens == 0 && !is_head(r))
		rc = emit(r);
	r->is_word = false;
	r->line++;
	return rc;
}

static bool
opens_quote(const struct reader *r, char c)
{
	if (r->kind == TOOL_WEBCONF_LIGHTTPD)
		return c == '"';
	return (c == '"' || c == '\'') && !r->is_word;
}

/* nginx's ${name}, whose braces are none of a block. */
static bool
is_variable(const struct reader *r)
{
	return r->is_word && r->text.len > 0 &&
	    r->text.data[r->text.len - 1] == '$';
}

/* Outside of quotes. */
static int
take(struct reader *r, char c)
{
	bool is_braced = r->kind != TOOL_WEBCONF_APACHE;

	if (opens_quote(r, c)) {
		r->quote = c;
		put(r, '\0');
	} else if (c == '\n') {
		return end_line(r);
	} else if (c == ' ' || c == '\t' || c == '\r' || c == '\0') {
		r->is_word = false;
	} else if (c == '{' && is_variable(r)) {
		r->quote = '}';
	} else if (is_braced && c == '{') {
		open_block(r);
	} else if (is_braced && c == '}') {
		r->parens = 0;
		int rc = emit(r);
		close_block(r);
		return rc;
	} else if (r->kind == TOOL_WEBCONF_NGINX && c == ';') {
		return emit(r);
	} else {
		if (r->kind == TOOL_WEBCONF_LIGHTTPD && c == '(')
			r->parens++;
		else if (r->kind == TOOL_WEBCONF_LIGHTTPD && c == ')' &&
		    r->parens > 0)
			r->parens--;
		put(r, c);
	}
	return 0;
}

static bool
is_comment(const struct reader *r, char c)
{
	if (c != '#')
		return false;
	return r->kind == TOOL_WEBCONF_APACHE ? r->text.len == 0 : !r->is_word;
}

int
tool_webconf_each(enum tool_webconf_kind kind,
    const struct tool_webconf_scope *outer, const char *bytes, size_t n,
    tool_webconf_fn *fn, void *arg)
{
	struct reader r = {
	    .kind = kind, .line = 1, .fn = fn, .arg = arg, .scopes = {*outer}};
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		char c = bytes[i];
		if (c == '\\' && i + 1 < n) {
			/* Before a newline, Apache's line goes on. */
			c = bytes[++i];
			if (c == '\n') {
				r.line++;
				r.is_word = r.quote != '\0';
			} else if (c != '\0') {
				put(&r, c);
			}
		} else if (r.quote != '\0') {
			r.line += c == '\n';
			if (c == r.quote)
				r.quote = '\0';
			else if (c != '\0')
				put(&r, c);
		} else if (is_comment(&r, c)) {
			while (i + 1 < n && bytes[i + 1] != '\n')
				i++;
		} else {
			rc = take(&r, c);
		}
		if (r.text.has_failed)
			rc = -1;
	}
	if (rc == 0 && kind != TOOL_WEBCONF_NGINX)
		rc = emit(&r);
	buf_fini(&r.text);
	return rc;
}

bool
tool_webconf_time_ms(const char *text, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"min", 60000}, {"m", 60000}, {"s", 1000},
	    {"h", 3600000}, {"d", 86400000}, {"", 1000}};
	int64_t sum = 0;

	text += strspn(text, " =+:");
	do {
		int64_t number = 0;
		size_t digits = strspn(text, "0123456789");
		if (digits == 0 || digits > 9)
			return false;
		for (; digits > 0; digits--)
			number = number * 10 + (*text++ - '0');
		size_t i = 0;
		while (strncmp(text, units[i].name, strlen(units[i].name)) != 0)
			i++;
		text += strlen(units[i].name);
		sum += number * units[i].ms;
		if (sum > TIME_MAX_MS)
			sum = TIME_MAX_MS;
		if (units[i].name[0] == '\0')
			break;
	} while (*text != '\0' && *text != ' ');
	*ms = sum;
	return *text == '\0' || *text == ' ';
}
