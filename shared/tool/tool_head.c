/*
 * Lenient where it costs nothing (a bare LF ends a line), since what shall be
 * found out is what a server says and not whether it says it well.
 */
#include "tool/tool_head.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define DATE_MAX 64

/* The next line of *at, without its end, which is *n bytes; NULL: none. */
static const char *
next_line(const char **at, const char *end, size_t *n)
{
	const char *line = *at;
	const char *lf =
	    line == end ? NULL : memchr(line, '\n', (size_t)(end - line));

	if (lf == NULL)
		return NULL;
	*at = lf + 1;
	*n = (size_t)(lf - line);
	if (*n > 0 && line[*n - 1] == '\r')
		--*n;
	return line;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum tool_head_err
tool_head_parse(const char *bytes, size_t n, struct tool_head *out)
{
	static const char version[] = "HTTP/1.";
	const char *at = bytes, *end = bytes + n;
	size_t len;

	const char *line = next_line(&at, end, &len);
	if (line == NULL)
		return TOOL_HEAD_PARTIAL;
	/* "HTTP/1.1 200", and mostly a phrase behind it. */
	if (len < 12 || memcmp(line, version, sizeof(version) - 1) != 0 ||
	    !is_digit(line[7]) || line[8] != ' ' || line[9] < '1' ||
	    line[9] > '5' || !is_digit(line[10]) || !is_digit(line[11]) ||
	    (len > 12 && line[12] != ' '))
		return TOOL_HEAD_INVALID;
	out->status =
	    (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	out->fields = at;
	while ((line = next_line(&at, end, &len)) != NULL) {
		if (len > 0)
			continue;
		out->n = (size_t)(line - out->fields);
		return TOOL_HEAD_OK;
	}
	return TOOL_HEAD_PARTIAL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
tool_head_field(const struct tool_head *h, const char *name, size_t i,
    const char **value, size_t *value_len)
{
	const char *at = h->fields, *line;
	size_t name_len = strlen(name), n;

	while ((line = next_line(&at, h->fields + h->n, &n)) != NULL) {
		if (n <= name_len || line[name_len] != ':' ||
		    strncasecmp(line, name, name_len) != 0 || i-- > 0)
			continue;
		line += name_len + 1;
		n -= name_len + 1;
		for (; n > 0 && is_blank(line[0]); n--)
			line++;
		while (n > 0 && is_blank(line[n - 1]))
			n--;
		*value = line;
		*value_len = n;
		return true;
	}
	return false;
}

int64_t
tool_head_date_s(const struct tool_head *h)
{
	struct tm tm = {.tm_isdst = 0};
	char text[DATE_MAX];
	const char *value;
	size_t n;

	if (!tool_head_field(h, "Date", 0, &value, &n) || n >= sizeof(text))
		return 0;
	memcpy(text, value, n);
	text[n] = '\0';
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
		return 0;
	return (int64_t)timegm(&tm);
}
