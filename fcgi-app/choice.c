/*
 * A switch is a link, so that it works without a script; following one that
 * a stranger made costs no more than following it back.
 */
#include "fcgi-app/choice.h"

#include "fcgi-app/form.h"
#include "fcgi-app/set_cookie.h"

#include <string.h>

#define LANG_COOKIE "lang"
#define THEME_COOKIE "theme"
#define MAX_AGE_S (365 * 24 * 3600)

static const char *const themes[VIEWS_THEMES] = {
    [VIEWS_AUTO] = "auto",
    [VIEWS_LIGHT] = "light",
    [VIEWS_DARK] = "dark",
};

/* Exactly such a name, or VIEWS_THEMES. */
static enum views_theme
theme_by_name(const char *bytes, size_t n)
{
	enum views_theme theme = 0;

	while (theme < VIEWS_THEMES &&
	    !(strlen(themes[theme]) == n &&
		memcmp(themes[theme], bytes, n) == 0))
		theme++;
	return theme;
}

enum i18n_lang
choice_lang(const struct app *a, const struct request *req)
{
	enum i18n_lang lang = I18N_LANGS;
	const char *value;
	size_t n;

	if (req != NULL &&
	    cookie_find(req->cookies, req->n_cookies, LANG_COOKIE, &value,
		&n) == COOKIE_OK)
		lang = i18n_by_name(value, n);
	if (lang != I18N_LANGS)
		return lang;
	switch (a->config->site.language) {
	case CONFIG_LANGUAGE_EN:
		return I18N_EN;
	case CONFIG_LANGUAGE_ZH:
		return I18N_ZH;
	default:
		break;
	}
	if (req != NULL && req->accept_language != NULL)
		lang = i18n_accept(
		    req->accept_language, strlen(req->accept_language));
	return lang == I18N_LANGS ? I18N_EN : lang;
}

enum views_theme
choice_theme(const struct request *req)
{
	enum views_theme theme = VIEWS_THEMES;
	const char *value;
	size_t n;

	if (req != NULL &&
	    cookie_find(req->cookies, req->n_cookies, THEME_COOKIE, &value,
		&n) == COOKIE_OK)
		theme = theme_by_name(value, n);
	return theme == VIEWS_THEMES ? VIEWS_AUTO : theme;
}

static void
keep_lang(struct call *c, const struct form_field *f)
{
	enum i18n_lang lang = i18n_by_name(f->value, f->n);

	if (lang != I18N_LANGS)
		set_cookie(c->resp, LANG_COOKIE, i18n_name(lang), MAX_AGE_S,
		    c->req->is_https);
}

static void
keep_theme(struct call *c, const struct form_field *f)
{
	enum views_theme theme = theme_by_name(f->value, f->n);

	/* No choice needs no cookie. */
	if (theme != VIEWS_THEMES)
		set_cookie(c->resp, THEME_COOKIE, themes[theme],
		    theme == VIEWS_AUTO ? 0 : MAX_AGE_S, c->req->is_https);
}

bool
choice_switch(struct call *c, const char *path, const char *next)
{
	enum {
		LANG,
		THEME,
		FIELDS
	};
	char query[REQUEST_QUERY_MAX];
	struct form_field fields[FIELDS] = {
	    [LANG] = {.name = "lang"},
	    [THEME] = {.name = "theme"},
	};

	form_query(c->req->query, query, fields, FIELDS);
	if (fields[LANG].value == NULL && fields[THEME].value == NULL)
		return false;
	app_redirect(c, path, next);
	if (fields[LANG].value != NULL)
		keep_lang(c, &fields[LANG]);
	if (fields[THEME].value != NULL)
		keep_theme(c, &fields[THEME]);
	return true;
}
