/*
 * The pages as data. That there are the phrases which the code asks for by
 * name (the reasons on the error page) is seen to when loading, so that no
 * request can find one missing.
 */
#include "fcgi-app/views.h"

#include "base/file.h"
#include "fcgi-app/template.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(v) (UINT64_C(1) << (v))
#define ON_ALL                                                              \
	(BIT(VIEW_LANG) | BIT(VIEW_PREFIX) | BIT(VIEW_IS_EN) |              \
	    BIT(VIEW_IS_ZH) | BIT(VIEW_IS_LIGHT) | BIT(VIEW_IS_DARK) |      \
	    BIT(VIEW_IS_LOGIN) | BIT(VIEW_IS_CHAT) | BIT(VIEW_IS_ACCOUNT) | \
	    BIT(VIEW_IS_ERROR) | BIT(VIEW_NEXT))

static const char *const value_names[VIEW_VALUES] = {
    [VIEW_LANG] = "lang",
    [VIEW_PREFIX] = "prefix",
    [VIEW_IS_EN] = "is_en",
    [VIEW_IS_ZH] = "is_zh",
    [VIEW_IS_LIGHT] = "is_light",
    [VIEW_IS_DARK] = "is_dark",
    [VIEW_IS_LOGIN] = "is_login",
    [VIEW_IS_CHAT] = "is_chat",
    [VIEW_IS_ACCOUNT] = "is_account",
    [VIEW_IS_ERROR] = "is_error",
    [VIEW_NEXT] = "next",
    [VIEW_CSRF] = "csrf",
    [VIEW_NAME] = "name",
    [VIEW_USER] = "user",
    [VIEW_IS_WRONG] = "is_wrong",
    [VIEW_IS_EXPIRED] = "is_expired",
    [VIEW_IS_BUSY] = "is_busy",
    [VIEW_WAIT_S] = "wait_s",
    [VIEW_STATUS] = "status",
    [VIEW_HEADING] = "heading",
    [VIEW_DETAIL] = "detail",
    [VIEW_PASSWORD_MIN] = "password_min",
    [VIEW_IS_SHORT] = "is_short",
    [VIEW_IS_LONG] = "is_long",
    [VIEW_IS_COMMON] = "is_common",
    [VIEW_IS_DIFFERENT] = "is_different",
    [VIEW_IS_CHANGED] = "is_changed",
    [VIEW_IS_ENDED] = "is_ended",
    [VIEW_ZONE] = "zone",
    [VIEW_HAS_OTHERS] = "has_others",
    [VIEW_MORE] = "more",
    [VIEW_SESSIONS] = "sessions",
    [VIEW_SESSION] = "session",
    [VIEW_IS_CURRENT] = "is_current",
    [VIEW_BROWSER] = "browser",
    [VIEW_SYSTEM] = "system",
    [VIEW_ADDRESS] = "address",
    [VIEW_CREATED] = "created",
    [VIEW_CREATED_UTC] = "created_utc",
    [VIEW_SEEN] = "seen",
    [VIEW_SEEN_UTC] = "seen_utc",
};

static const struct {
	const char *file;
	uint64_t values;
	enum view_value flag;
} pages[VIEWS] = {
    [VIEW_LOGIN] = {"login.html",
	ON_ALL | BIT(VIEW_CSRF) | BIT(VIEW_NAME) | BIT(VIEW_IS_WRONG) |
	    BIT(VIEW_IS_EXPIRED) | BIT(VIEW_IS_BUSY) | BIT(VIEW_WAIT_S),
	VIEW_IS_LOGIN},
    [VIEW_CHAT] = {"chat.html", ON_ALL | BIT(VIEW_CSRF) | BIT(VIEW_USER),
	VIEW_IS_CHAT},
    [VIEW_ACCOUNT] = {"account.html",
	ON_ALL | BIT(VIEW_CSRF) | BIT(VIEW_USER) | BIT(VIEW_IS_WRONG) |
	    BIT(VIEW_IS_EXPIRED) | BIT(VIEW_IS_BUSY) | BIT(VIEW_WAIT_S) |
	    BIT(VIEW_PASSWORD_MIN) | BIT(VIEW_IS_SHORT) | BIT(VIEW_IS_LONG) |
	    BIT(VIEW_IS_COMMON) | BIT(VIEW_IS_DIFFERENT) |
	    BIT(VIEW_IS_CHANGED) | BIT(VIEW_IS_ENDED) | BIT(VIEW_ZONE) |
	    BIT(VIEW_HAS_OTHERS) | BIT(VIEW_MORE) | BIT(VIEW_SESSIONS) |
	    BIT(VIEW_SESSION) | BIT(VIEW_IS_CURRENT) | BIT(VIEW_BROWSER) |
	    BIT(VIEW_SYSTEM) | BIT(VIEW_ADDRESS) | BIT(VIEW_CREATED) |
	    BIT(VIEW_CREATED_UTC) | BIT(VIEW_SEEN) | BIT(VIEW_SEEN_UTC),
	VIEW_IS_ACCOUNT},
    [VIEW_ERROR] = {"error.html",
	ON_ALL | BIT(VIEW_STATUS) | BIT(VIEW_HEADING) | BIT(VIEW_DETAIL),
	VIEW_IS_ERROR},
};

static const char *const errors[] = {"400", "403", "404", "405", "413", "415",
    "431", "503", "https", "role", "group", "path"};

struct views {
	char *prefix;
	struct i18n *phrases;
	struct template_page *templates[VIEWS];
};

static int
read_file(void *arg, const char *file, struct buf *out, struct buf *error)
{
	const char *dir = arg;
	struct buf path = BUF_INIT;
	int rc = -1;

	if (buf_printf(&path, "%s/%s", dir, file) == 0) {
		enum file_err err =
		    file_read(buf_str(&path), TEMPLATE_FILE_MAX, 0, out);
		rc = err == FILE_OK ? 0 : -1;
		if (rc == -1)
			buf_puts(error, file_strerror(err));
	}
	buf_fini(&path);
	return rc;
}

static struct i18n *
load_phrases(char *dir, struct buf *error)
{
	struct buf bytes[I18N_LANGS];
	char names[I18N_LANGS][32];
	struct i18n_file files[I18N_LANGS];
	struct i18n *phrases = NULL;
	bool is_good = true;

	for (enum i18n_lang lang = 0; lang < I18N_LANGS; lang++) {
		struct buf reason = BUF_INIT;

		buf_init(&bytes[lang]);
		snprintf(names[lang], sizeof(names[lang]), "phrases.%s",
		    i18n_name(lang));
		if (read_file(dir, names[lang], &bytes[lang], &reason) == -1) {
			buf_printf(
			    error, "%s: %s\n", names[lang], buf_str(&reason));
			is_good = false;
		}
		buf_fini(&reason);
		files[lang].name = names[lang];
		files[lang].bytes = bytes[lang].data;
		files[lang].n = bytes[lang].len;
	}
	if (is_good)
		phrases = i18n_new(files, error);
	for (size_t lang = 0; lang < I18N_LANGS; lang++)
		buf_fini(&bytes[lang]);
	return phrases;
}

static int
error_phrase(const struct views *v, const char *what, const char *suffix)
{
	char key[I18N_KEY_MAX];

	snprintf(key, sizeof(key), "error_%s%s", what, suffix);
	return i18n_find(v->phrases, key, strlen(key));
}

static int
check_errors(const struct views *v, struct buf *error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (error_phrase(v, errors[i], "") == -1 ||
		    error_phrase(v, errors[i], "_detail") == -1) {
			buf_printf(error,
			    "phrases: error_%s and error_%s_detail are "
			    "needed\n",
			    errors[i], errors[i]);
			return -1;
		}
	return 0;
}

static struct template_page *
load_page(const struct views *v, char *dir, enum view view, struct buf *error)
{
	struct template_source source = {read_file, dir, v->phrases};
	const char *names[VIEW_VALUES];

	/* A name that the page does not have keeps its place, unnamed. */
	for (size_t i = 0; i < VIEW_VALUES; i++)
		names[i] = pages[view].values & BIT(i) ? value_names[i] : "";
	return template_new(
	    pages[view].file, &source, names, VIEW_VALUES, error);
}

struct views *
views_load(const char *dir, const char *prefix, struct buf *error)
{
	struct views *v = calloc(1, sizeof(*v));
	struct buf problems = BUF_INIT;
	char *own_dir = strdup(dir);

	if (v == NULL || own_dir == NULL) {
		buf_puts(&problems, "out of memory\n");
		goto err0;
	}
	v->prefix = strdup(prefix);
	if (v->prefix == NULL) {
		buf_puts(&problems, "out of memory\n");
		goto err0;
	}
	v->phrases = load_phrases(own_dir, &problems);
	if (v->phrases == NULL || check_errors(v, &problems) == -1)
		goto err0;
	for (enum view view = 0; view < VIEWS; view++) {
		v->templates[view] = load_page(v, own_dir, view, &problems);
		if (v->templates[view] == NULL)
			goto err0;
	}
	free(own_dir);
	buf_fini(&problems);
	return v;

err0:
	/* Messages name plain files; a person needs the directory too. */
	for (size_t at = 0; at < problems.len;) {
		const char *line = problems.data + at;
		size_t n = strcspn(line, "\n");
		buf_printf(error, "%s/%.*s\n", dir, (int)n, line);
		at += n + 1;
	}
	buf_fini(&problems);
	free(own_dir);
	views_free(v);
	return NULL;
}

void
views_free(struct views *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < VIEWS; i++)
		template_free(v->templates[i]);
	i18n_free(v->phrases);
	free(v->prefix);
	free(v);
}

int
views_render_list(const struct views *v, enum view view, enum i18n_lang lang,
    enum views_theme theme, const char *values[static VIEW_VALUES],
    template_row *row, void *arg, struct buf *out)
{
	values[VIEW_PREFIX] = v->prefix;
	values[VIEW_LANG] = i18n_name(lang);
	values[VIEW_IS_EN] = lang == I18N_EN ? "1" : NULL;
	values[VIEW_IS_ZH] = lang == I18N_ZH ? "1" : NULL;
	values[VIEW_IS_LIGHT] = theme == VIEWS_LIGHT ? "1" : NULL;
	values[VIEW_IS_DARK] = theme == VIEWS_DARK ? "1" : NULL;
	values[pages[view].flag] = "1";
	return template_render(v->templates[view], values, row, arg, lang, out);
}

int
views_render(const struct views *v, enum view view, enum i18n_lang lang,
    enum views_theme theme, const char *values[static VIEW_VALUES],
    struct buf *out)
{
	return views_render_list(v, view, lang, theme, values, NULL, NULL, out);
}

void
views_error_texts(const struct views *v, enum i18n_lang lang, const char *what,
    const char **heading, const char **detail)
{
	*heading = i18n_text(v->phrases, lang, error_phrase(v, what, ""));
	*detail = i18n_text(v->phrases, lang, error_phrase(v, what, "_detail"));
}
