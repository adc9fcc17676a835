/*
 * One value of the configuration: from text and to text, by the type that
 * its row in the table has.
 */
#include "base/config_value.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

static void *
slot(const struct config *c, const struct config_key *k)
{
	return (char *)(uintptr_t)c + k->offset;
}

static void
list_free(struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->n = 0;
}

static enum config_value_err
set_string(struct config *c, const struct config_key *k, const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		return CONFIG_VALUE_NOMEM;
	if (copy[0] == '\0') {
		if (!k->may_be_empty)
			goto err0;
	} else if (k->type == CONFIG_PATH) {
		if (copy[0] != '/')
			goto err0;
	} else if (!k->form(copy)) {
		goto err0;
	}
	char **at = slot(c, k);
	free(*at);
	*at = copy;
	return CONFIG_VALUE_OK;

err0:
	free(copy);
	return CONFIG_VALUE_REFUSED;
}

static enum config_value_err
set_list(struct config *c, const struct config_key *k, const char *text)
{
	enum config_value_err err = CONFIG_VALUE_NOMEM;
	struct config_list list = {NULL, 0};

	for (const char *p = text + strspn(text, BLANKS); *p != '\0';
	     p += strspn(p, BLANKS)) {
		size_t len = strcspn(p, BLANKS);
		char **items =
		    reallocarray(list.items, list.n + 1, sizeof(*items));
		if (items == NULL)
			goto err0;
		list.items = items;
		items[list.n] = strndup(p, len);
		if (items[list.n] == NULL)
			goto err0;
		list.n++;
		if (!k->form(items[list.n - 1])) {
			err = CONFIG_VALUE_REFUSED;
			goto err0;
		}
		p += len;
	}
	struct config_list *at = slot(c, k);
	list_free(at);
	*at = list;
	return CONFIG_VALUE_OK;

err0:
	list_free(&list);
	return err;
}

enum config_value_err
config_value_set(struct config *c, const struct config_key *k, const char *text)
{
	int64_t number;

	switch (k->type) {
	case CONFIG_INT:
		if (!number_parse(text, strlen(text), k->max, &number) ||
		    number < k->min)
			return CONFIG_VALUE_REFUSED;
		*(int64_t *)slot(c, k) = number;
		return CONFIG_VALUE_OK;
	case CONFIG_BOOL:
		if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
			return CONFIG_VALUE_REFUSED;
		*(bool *)slot(c, k) = text[0] == 'y';
		return CONFIG_VALUE_OK;
	case CONFIG_ENUM:
		for (const struct config_word *w = k->words; w->word != NULL;
		     w++) {
			if (strcmp(text, w->word) == 0) {
				*(int *)slot(c, k) = w->value;
				return CONFIG_VALUE_OK;
			}
		}
		return CONFIG_VALUE_REFUSED;
	case CONFIG_STRING:
	case CONFIG_PATH:
		return set_string(c, k, text);
	case CONFIG_LIST:
		return set_list(c, k, text);
	}
	return CONFIG_VALUE_REFUSED;
}

static const char *
string_or_empty(const char *s)
{
	return s == NULL ? "" : s;
}

int
config_value_format(
    const struct config *c, const struct config_key *k, struct buf *out)
{
	const struct config_list *list;

	switch (k->type) {
	case CONFIG_INT:
		return buf_printf(out, "%" PRId64, *(int64_t *)slot(c, k));
	case CONFIG_BOOL:
		return buf_puts(out, *(bool *)slot(c, k) ? "yes" : "no");
	case CONFIG_ENUM:
		for (const struct config_word *w = k->words; w->word != NULL;
		     w++)
			if (w->value == *(int *)slot(c, k))
				return buf_puts(out, w->word);
		return -1;
	case CONFIG_STRING:
	case CONFIG_PATH:
		return buf_puts(out, string_or_empty(*(char **)slot(c, k)));
	case CONFIG_LIST:
		list = slot(c, k);
		for (size_t i = 0; i < list->n; i++)
			if ((i > 0 && buf_putc(out, ' ') == -1) ||
			    buf_puts(out, list->items[i]) == -1)
				return -1;
		return 0;
	}
	return -1;
}

int
config_value_allowed(const struct config_key *k, struct buf *out)
{
	switch (k->type) {
	case CONFIG_INT:
		buf_printf(out, "a whole number from %" PRId64 " to %" PRId64,
		    k->min, k->max);
		if (k->unit != NULL)
			buf_printf(out, " (%s)", k->unit);
		if (k->zero != NULL)
			buf_printf(out, ", 0: %s", k->zero);
		break;
	case CONFIG_BOOL:
		buf_puts(out, "yes or no");
		break;
	case CONFIG_ENUM:
		buf_puts(out, "one of");
		for (const struct config_word *w = k->words; w->word != NULL;
		     w++)
			buf_printf(out, " %s", w->word);
		break;
	case CONFIG_PATH:
		buf_puts(out, "an absolute path");
		if (k->may_be_empty)
			buf_puts(out, ", or nothing");
		break;
	case CONFIG_LIST:
		buf_printf(out,
		    "words separated by blanks, each %s; or "
		    "nothing",
		    k->form_help);
		break;
	case CONFIG_STRING:
		buf_puts(out, k->form_help);
		if (k->may_be_empty)
			buf_puts(out, ", or nothing");
		break;
	}
	return out->has_failed ? -1 : 0;
}

bool
config_value_equal(
    const struct config *a, const struct config *b, const struct config_key *k)
{
	const struct config_list *la, *lb;

	switch (k->type) {
	case CONFIG_INT:
		return *(int64_t *)slot(a, k) == *(int64_t *)slot(b, k);
	case CONFIG_BOOL:
		return *(bool *)slot(a, k) == *(bool *)slot(b, k);
	case CONFIG_ENUM:
		return *(int *)slot(a, k) == *(int *)slot(b, k);
	case CONFIG_STRING:
	case CONFIG_PATH:
		return strcmp(string_or_empty(*(char **)slot(a, k)),
			   string_or_empty(*(char **)slot(b, k))) == 0;
	case CONFIG_LIST:
		la = slot(a, k);
		lb = slot(b, k);
		if (la->n != lb->n)
			return false;
		for (size_t i = 0; i < la->n; i++)
			if (strcmp(la->items[i], lb->items[i]) != 0)
				return false;
		return true;
	}
	return false;
}

static size_t
slot_size(const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_INT:
		return sizeof(int64_t);
	case CONFIG_BOOL:
		return sizeof(bool);
	case CONFIG_ENUM:
		return sizeof(int);
	case CONFIG_STRING:
	case CONFIG_PATH:
		return sizeof(char *);
	case CONFIG_LIST:
		break;
	}
	return sizeof(struct config_list);
}

void
config_value_swap(
    struct config *a, struct config *b, const struct config_key *k)
{
	unsigned char tmp[sizeof(struct config_list)];
	size_t n = slot_size(k);

	memcpy(tmp, slot(a, k), n);
	memcpy(slot(a, k), slot(b, k), n);
	memcpy(slot(b, k), tmp, n);
}

_Static_assert(sizeof(struct config_list) >= sizeof(int64_t),
    "config_value_swap's tmp is too small");

void
config_value_clear(struct config *c, const struct config_key *k)
{
	if (k->type == CONFIG_LIST) {
		list_free(slot(c, k));
	} else if (k->type == CONFIG_STRING || k->type == CONFIG_PATH) {
		char **at = slot(c, k);
		free(*at);
		*at = NULL;
	}
}
