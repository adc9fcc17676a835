/*
 * The phrases of the pages in each language, and which language a request
 * gets. Two files of "key = text" lines with exactly the same keys.
 */
#ifndef FCGI_APP_I18N_H
#define FCGI_APP_I18N_H

#include "base/buf.h"

#include <stddef.h>

enum i18n_lang {
	I18N_EN,
	I18N_ZH,
	I18N_LANGS, /* how many; also "none" */
};

#define I18N_KEY_MAX 64

struct i18n;

/* One language's file. */
struct i18n_file {
	const char *name; /* stands before :LINE in messages */
	const char *bytes;
	size_t n;
};

/*
 * Reads all languages' phrases. NULL with "FILE:LINE: ..." lines in error:
 * not UTF-8 text, no '=', a bad or double key, a key that another language
 * lacks. Pure.
 */
struct i18n *
i18n_new(const struct i18n_file files[static I18N_LANGS], struct buf *error);
void i18n_free(struct i18n *t);

/* The number of a phrase, or -1: there is none. */
int i18n_find(const struct i18n *t, const char *key, size_t n);

/* Its text; owned by t. */
const char *i18n_text(const struct i18n *t, enum i18n_lang lang, int phrase);

/* "en", "zh" */
const char *i18n_name(enum i18n_lang lang);
/* Exactly such a name, or I18N_LANGS. */
enum i18n_lang i18n_by_name(const char *bytes, size_t n);

/*
 * The best of our languages for an Accept-Language value (RFC 9110 §12.5.4:
 * highest q, the earlier one when equal, q=0 is a refusal), or I18N_LANGS
 * when it names none of them. Pure.
 */
enum i18n_lang i18n_accept(const char *bytes, size_t n);

#endif
