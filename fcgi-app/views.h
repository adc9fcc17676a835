/*
 * The pages: their templates, the values each may use, their phrases.
 */
#ifndef FCGI_APP_VIEWS_H
#define FCGI_APP_VIEWS_H

#include "base/buf.h"
#include "fcgi-app/i18n.h"
#include "fcgi-app/template.h"

enum view {
	VIEW_LOGIN,
	VIEW_CHAT,
	VIEW_ACCOUNT,
	VIEW_ERROR,
	VIEWS,
};

enum views_theme {
	VIEWS_AUTO, /* as the visitor's system has it */
	VIEWS_LIGHT,
	VIEWS_DARK,
	VIEWS_THEMES, /* how many; also "none" */
};

/* What a template may name; see views.c for which page has which. */
enum view_value {
	VIEW_LANG,
	VIEW_PREFIX, /* site.prefix, before each path of ours */
	VIEW_IS_EN,
	VIEW_IS_ZH,
	VIEW_IS_LIGHT,
	VIEW_IS_DARK,
	VIEW_IS_LOGIN,
	VIEW_IS_CHAT,
	VIEW_IS_ACCOUNT,
	VIEW_IS_ERROR,
	VIEW_NEXT,
	VIEW_CSRF,
	VIEW_NAME,
	VIEW_USER,
	VIEW_IS_WRONG,
	VIEW_IS_EXPIRED,
	VIEW_IS_BUSY,
	VIEW_WAIT_S,
	VIEW_STATUS,
	VIEW_HEADING,
	VIEW_DETAIL,
	VIEW_PASSWORD_MIN,
	VIEW_IS_SHORT,
	VIEW_IS_LONG,
	VIEW_IS_COMMON,
	VIEW_IS_DIFFERENT,
	VIEW_IS_CHANGED,
	VIEW_IS_ENDED,
	VIEW_ZONE,
	VIEW_HAS_OTHERS,
	VIEW_MORE,
	VIEW_SESSIONS, /* the list, of rows with: */
	VIEW_SESSION,
	VIEW_IS_CURRENT,
	VIEW_BROWSER,
	VIEW_SYSTEM,
	VIEW_ADDRESS,
	VIEW_CREATED,
	VIEW_CREATED_UTC,
	VIEW_SEEN,
	VIEW_SEEN_UTC,
	VIEW_VALUES,
};

struct views;

/*
 * Loads the templates and phrases of a directory. NULL with "FILE:LINE: ..."
 * lines in error.
 */
struct views *
views_load(const char *dir, const char *prefix, struct buf *error);
void views_free(struct views *v);

/*
 * Appends a page. values is indexed by enum view_value; the language,
 * theme and page values are set here. 0, or -1 out of memory.
 */
int views_render(const struct views *v, enum view view, enum i18n_lang lang,
    enum views_theme theme, const char *values[static VIEW_VALUES],
    struct buf *out);

/* The same for a page with a list; see template_render. */
int
views_render_list(const struct views *v, enum view view, enum i18n_lang lang,
    enum views_theme theme, const char *values[static VIEW_VALUES],
    template_row *row, void *arg, struct buf *out);

/*
 * The phrases error_WHAT and error_WHAT_detail. what must be one of the
 * list in views.c, which is checked when loading.
 */
void views_error_texts(const struct views *v, enum i18n_lang lang,
    const char *what, const char **heading, const char **detail);

#endif
