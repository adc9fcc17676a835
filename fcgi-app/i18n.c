/*
 * Templates have their phrases by number, found by key when they are loaded,
 * so that a missing phrase is found at start-up and never by a visitor.
 */
#include "fcgi-app/i18n.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PHRASES_MAX 1024

struct phrase {
	char *key;
	char *text[I18N_LANGS];
};

struct i18n {
	struct phrase *phrases;
	size_t n;
};

static const char *const names[I18N_LANGS] = {"en", "zh"};

const char *
i18n_name(enum i18n_lang lang)
{
	return names[lang];
}

enum i18n_lang
i18n_by_name(const char *bytes, size_t n)
{
	enum i18n_lang lang = 0;

	while (lang < I18N_LANGS &&
	    !(strlen(names[lang]) == n && memcmp(names[lang], bytes, n) == 0))
		lang++;
	return lang;
}

void
i18n_free(struct i18n *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->phrases[i].key);
		for (size_t lang = 0; lang < I18N_LANGS; lang++)
			free(t->phrases[i].text[lang]);
	}
	free(t->phrases);
	free(t);
}

int
i18n_find(const struct i18n *t, const char *key, size_t n)
{
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->phrases[i].key) == n &&
		    memcmp(t->phrases[i].key, key, n) == 0)
			return (int)i;
	return -1;
}

const char *
i18n_text(const struct i18n *t, enum i18n_lang lang, int phrase)
{
	return t->phrases[phrase].text[lang];
}

static void
trim(const char **s, size_t *n)
{
	while (*n > 0 && ((*s)[0] == ' ' || (*s)[0] == '\t')) {
		(*s)++;
		(*n)--;
	}
	while (*n > 0 && strchr(" \t\r", (*s)[*n - 1]) != NULL)
		(*n)--;
}

static bool
is_key(const char *s, size_t n)
{
	if (n == 0 || n > I18N_KEY_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
			(s[i] >= '0' && s[i] <= '9') || s[i] == '_'))
			return false;
	return true;
}

/* The phrase of that key, made when there is none yet. NULL: no memory. */
static struct phrase *
intern(struct i18n *t, const char *key, size_t n)
{
	int i = i18n_find(t, key, n);

	if (i >= 0)
		return &t->phrases[i];
	if (t->n == PHRASES_MAX)
		return NULL;
	struct phrase *p = &t->phrases[t->n];
	memset(p, 0, sizeof(*p));
	p->key = strndup(key, n);
	if (p->key == NULL)
		return NULL;
	t->n++;
	return p;
}

/* One line; what is wrong with it as words, or NULL. */
static const char *
take_line(struct i18n *t, enum i18n_lang lang, const char *line, size_t n)
{
	struct utf8 u = {0};

	trim(&line, &n);
	if (n == 0 || line[0] == '#')
		return NULL;
	if (memchr(line, '\0', n) != NULL)
		return "a NUL byte";
	if (utf8_feed(&u, (const uint8_t *)line, n) == -1 || !utf8_is_whole(&u))
		return "this is not UTF-8";
	const char *equals = memchr(line, '=', n);
	if (equals == NULL)
		return "no '=' (a line is: key = text)";
	const char *text = equals + 1;
	size_t text_len = (size_t)(line + n - text);
	size_t key_len = (size_t)(equals - line);
	trim(&line, &key_len);
	trim(&text, &text_len);
	if (!is_key(line, key_len))
		return "a key is 1 to 64 of a-z, 0-9 and '_'";
	if (text_len == 0)
		return "a phrase without text";
	struct phrase *p = intern(t, line, key_len);
	if (p == NULL)
		return "out of memory, or more than 1024 phrases";
	if (p->text[lang] != NULL)
		return "this key was given before";
	p->text[lang] = strndup(text, text_len);
	return p->text[lang] == NULL ? "out of memory" : NULL;
}

static bool
take_file(struct i18n *t, enum i18n_lang lang, const struct i18n_file *file,
    struct buf *error)
{
	unsigned line = 1;

	for (size_t at = 0; at < file->n; line++) {
		const char *start = file->bytes + at;
		const char *end = memchr(start, '\n', file->n - at);
		size_t len = end != NULL ? (size_t)(end - start) : file->n - at;
		const char *problem = take_line(t, lang, start, len);
		if (problem != NULL) {
			buf_printf(
			    error, "%s:%u: %s\n", file->name, line, problem);
			return false;
		}
		at += len + 1;
	}
	return true;
}

struct i18n *
i18n_new(const struct i18n_file files[static I18N_LANGS], struct buf *error)
{
	bool is_good = true;
	struct i18n *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto nomem;
	t->phrases = calloc(PHRASES_MAX, sizeof(*t->phrases));
	if (t->phrases == NULL)
		goto nomem;
	for (enum i18n_lang lang = 0; lang < I18N_LANGS; lang++)
		if (!take_file(t, lang, &files[lang], error))
			goto err0;
	for (size_t i = 0; i < t->n; i++)
		for (enum i18n_lang lang = 0; lang < I18N_LANGS; lang++)
			if (t->phrases[i].text[lang] == NULL) {
				buf_printf(error,
				    "%s: the phrase \"%s\" is missing\n",
				    files[lang].name, t->phrases[i].key);
				is_good = false;
			}
	if (!is_good)
		goto err0;
	return t;

nomem:
	buf_puts(error, "out of memory\n");
err0:
	i18n_free(t);
	return NULL;
}

/* A quality in thousandths (RFC 9110 §12.4.2), or -1: malformed. */
static int
quality(const char *s, size_t n)
{
	if (n == 0 || n > 5 || (s[0] != '0' && s[0] != '1'))
		return -1;
	int q = (s[0] - '0') * 1000;
	int unit = 100;
	if (n > 1 && s[1] != '.')
		return -1;
	for (size_t i = 2; i < n; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		q += (s[i] - '0') * unit;
	}
	return q <= 1000 ? q : -1;
}

/* Its language for one range such as "zh-Hant-TW". */
static enum i18n_lang
range_lang(const char *s, size_t n)
{
	size_t primary = 0;

	while (primary < n && s[primary] != '-')
		primary++;
	for (enum i18n_lang lang = 0; lang < I18N_LANGS; lang++)
		if (strlen(names[lang]) == primary &&
		    strncasecmp(names[lang], s, primary) == 0)
			return lang;
	return I18N_LANGS;
}

enum i18n_lang
i18n_accept(const char *bytes, size_t n)
{
	enum i18n_lang best = I18N_LANGS;
	int best_q = 0;

	for (size_t at = 0; at < n;) {
		const char *item = bytes + at;
		const char *comma = memchr(item, ',', n - at);
		size_t len = comma != NULL ? (size_t)(comma - item) : n - at;
		at += len + 1;

		int q = 1000;
		const char *semicolon = memchr(item, ';', len);
		if (semicolon != NULL) {
			const char *param = semicolon + 1;
			size_t param_len = (size_t)(item + len - param);
			trim(&param, &param_len);
			q = param_len > 2 && strncasecmp(param, "q=", 2) == 0
			    ? quality(param + 2, param_len - 2)
			    : -1;
			len = (size_t)(semicolon - item);
		}
		trim(&item, &len);
		enum i18n_lang lang = range_lang(item, len);
		if (lang != I18N_LANGS && q > best_q) {
			best = lang;
			best_q = q;
		}
	}
	return best;
}
