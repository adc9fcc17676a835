/*
 * Form fields. A login form has a fixed set of fields, so the set is given
 * and everything else is refused: nothing that nobody asked for travels
 * further than this file.
 */
#include "fcgi-app/form.h"

#include "base/percent.h"

#include <string.h>
#include <strings.h>

/* Decodes *n bytes in place; false leaves them half done. */
static bool
decode(char *s, size_t *n)
{
	size_t out = 0;

	for (size_t i = 0; i < *n; i++) {
		char c = s[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int byte = percent_byte(s + i, *n - i);
			if (byte == -1)
				return false;
			c = (char)byte;
			i += PERCENT_LEN - 1;
		}
		s[out++] = c;
	}
	*n = out;
	return true;
}

static struct form_field *
find(struct form_field *fields, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(fields[i].name) == n &&
		    memcmp(fields[i].name, name, n) == 0)
			return &fields[i];
	return NULL;
}

/* One name=value; where the second of a double is noted, *doubles gets it. */
static enum form_err
take_pair(char *pair, size_t n, struct form_field *fields, size_t count,
    unsigned *doubles)
{
	char *equals = memchr(pair, '=', n);
	size_t name_len = equals != NULL ? (size_t)(equals - pair) : n;
	char *value = equals != NULL ? equals + 1 : pair + n;
	size_t value_len = (size_t)(pair + n - value);

	if (!decode(pair, &name_len) || !decode(value, &value_len))
		return FORM_ENCODING;
	struct form_field *field = find(fields, count, pair, name_len);
	if (field == NULL)
		return FORM_UNKNOWN;
	if (field->value != NULL) {
		*doubles |= 1u << (field - fields);
		return FORM_DOUBLE;
	}
	field->value = value;
	field->n = value_len;
	return FORM_OK;
}

enum form_err
form_parse(char *bytes, size_t n, enum form_mode mode,
    struct form_field *fields, size_t count)
{
	unsigned doubles = 0;

	for (size_t i = 0; i < count; i++) {
		fields[i].value = NULL;
		fields[i].n = 0;
	}
	for (size_t at = 0; at < n;) {
		char *amp = memchr(bytes + at, '&', n - at);
		size_t len = amp != NULL ? (size_t)(amp - bytes) - at : n - at;
		enum form_err err =
		    take_pair(bytes + at, len, fields, count, &doubles);
		if (err != FORM_OK && mode == FORM_STRICT)
			return err;
		at += len + 1;
	}
	for (size_t i = 0; i < count; i++) {
		if (doubles & (1u << i)) {
			fields[i].value = NULL;
			fields[i].n = 0;
		}
		if (fields[i].value == NULL && mode == FORM_STRICT)
			return FORM_MISSING;
	}
	return FORM_OK;
}

void
form_query(
    const char *query, char *bytes, struct form_field *fields, size_t count)
{
	size_t n = strlen(query);

	memcpy(bytes, query, n);
	form_parse(bytes, n, FORM_QUERY, fields, count);
}

bool
form_is_type(const char *content_type)
{
	static const char form_type[] = "application/x-www-form-urlencoded";
	size_t n = sizeof(form_type) - 1;

	if (content_type == NULL ||
	    strncasecmp(content_type, form_type, n) != 0)
		return false;
	/* Parameters such as a charset change nothing: names are ASCII. */
	content_type += n;
	content_type += strspn(content_type, " \t");
	return *content_type == '\0' || *content_type == ';';
}

const char *
form_strerror(enum form_err err)
{
	switch (err) {
	case FORM_OK:
		return "in order";
	case FORM_ENCODING:
		return "a percent sign without two hex digits";
	case FORM_UNKNOWN:
		return "a field that the form does not have";
	case FORM_DOUBLE:
		return "a field twice";
	case FORM_MISSING:
		return "a field is missing";
	}
	return "unknown";
}
