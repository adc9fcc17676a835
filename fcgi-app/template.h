/*
 * Page templates: parsed and checked once, rendered many times. Pure but for
 * the reader that is passed in.
 *
 *   {{name}}              a value, HTML-escaped: text and quoted attributes
 *   {{url:name}}          a value as part of a query string
 *   {{t:key}}             a phrase in the page's language, HTML-escaped
 *   {{?name}}..{{/name}}  only if the value is not empty
 *   {{^name}}..{{/name}}  only if it is empty
 *   {{#name}}..{{/name}}  once for each row of the page's list
 *   {{>file.html}}        another file of the same directory
 *
 * There is no way to put a value out unescaped.
 */
#ifndef FCGI_APP_TEMPLATE_H
#define FCGI_APP_TEMPLATE_H

#include "base/buf.h"
#include "fcgi-app/i18n.h"

#include <stdbool.h>
#include <stddef.h>

#define TEMPLATE_DEPTH_MAX 4 /* files inside files */
#define TEMPLATE_FILES_MAX 64 /* for one page, repetitions counted */
#define TEMPLATE_NEST_MAX 8 /* sections inside sections */
#define TEMPLATE_FILE_MAX 65536

struct template_page;

/*
 * Gives a file's bytes; 0, or -1 with the reason, without a line end, in
 * *error. file is a plain name: [A-Za-z0-9_.-]+, not beginning with a dot.
 */
typedef int
template_read(void *arg, const char *file, struct buf *out, struct buf *error);

struct template_source {
	template_read *read;
	void *arg;
	const struct i18n *phrases; /* must outlive the template */
};

/*
 * names: what the page's code gives a value to. A name or phrase that does
 * not exist, a section left open and the like: NULL, and "FILE:LINE: ..."
 * in error.
 */
struct template_page *
template_new(const char *file, const struct template_source *source,
    const char *const *names, size_t count, struct buf *error);
void template_free(struct template_page *t);

/*
 * Sets the values of row i of the list; false: there is none. What it points
 * to must stand until the next call.
 */
typedef bool template_row(void *arg, size_t i, const char **values);

/*
 * Appends the page. values[i] belongs to names[i]; NULL counts as empty. row
 * NULL: a list is empty. 0, or -1 out of memory.
 */
int template_render(const struct template_page *t, const char **values,
    template_row *row, void *arg, enum i18n_lang lang, struct buf *out);

#endif
