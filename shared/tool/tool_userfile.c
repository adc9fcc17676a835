/*
 * Every line is read before anything is said, so that a person mends a file
 * once and not line by line.
 */
#include "tool/tool_userfile.h"

#include "auth/crypto.h"
#include "auth/hash_form.h"
#include "auth/name.h"
#include "tool/tool_userfile_impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char bom[] = "\xef\xbb\xbf";

/* --- errors --------------------------------------------------------------- */

void
tool_userfile_error(struct tool_userfile *f, size_t line, const char *fmt, ...)
{
	va_list ap;

	if (f->n_errors++ >= TOOL_USERFILE_ERRORS_MAX)
		return;
	buf_printf(&f->errors, "%s:%zu: ", f->label, line);
	va_start(ap, fmt);
	buf_vprintf(&f->errors, fmt, ap);
	va_end(ap);
	buf_putc(&f->errors, '\n');
}

/* --- one account ---------------------------------------------------------- */

int
userfile_add_entry(struct tool_userfile *f, const struct tool_userfile_entry *e)
{
	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 64 : f->cap * 2;
		struct tool_userfile_entry *entries =
		    reallocarray(f->entries, cap, sizeof(*entries));
		if (entries == NULL)
			return -1;
		f->entries = entries;
		f->cap = cap;
	}
	f->entries[f->n++] = *e;
	return 0;
}

bool
userfile_take_name(struct tool_userfile *f, const char *p, size_t n,
    struct tool_userfile_entry *e)
{
	enum name_err err = name_canonical(p, n, e->user.name);

	if (err != NAME_OK)
		tool_userfile_error(
		    f, e->line, "not a user name: %s", name_strerror(err));
	return err == NAME_OK;
}

bool
userfile_take_hash(struct tool_userfile *f,
    const struct tool_userfile_opts *opts, const char *p, size_t n,
    struct tool_userfile_entry *e)
{
	enum hash_form form = hash_form_parse(p, n);

	if (form <= HASH_FORM_CRYPT || form == HASH_FORM_COSTLY) {
		memcpy(e->user.hash, p, n);
		e->user.hash[n] = '\0';
	}
	if (form <= HASH_FORM_CRYPT ||
	    (form == HASH_FORM_COSTLY &&
		!password_needs_rehash(e->user.hash, &opts->cost)))
		return true;
	tool_userfile_error(f, e->line, "%s", hash_form_reason(form));
	return false;
}

bool
userfile_take_password(struct tool_userfile *f,
    const struct tool_userfile_opts *opts, const char *p, size_t n,
    struct tool_userfile_entry *e)
{
	enum password_err err =
	    password_check_new(p, n, e->user.name, opts->password_min);

	if (err == PASSWORD_SHORT)
		tool_userfile_error(f, e->line,
		    "%s: at least %lld bytes (login.password_min)",
		    password_strerror(err), (long long)opts->password_min);
	else if (err != PASSWORD_OK)
		tool_userfile_error(f, e->line, "%s", password_strerror(err));
	e->password = p;
	e->password_len = n;
	return err == PASSWORD_OK;
}

/* --- htpasswd ------------------------------------------------------------- */

static int
parse_htpasswd(const struct tool_userfile_opts *opts, char *text, size_t n,
    struct tool_userfile *f)
{
	const char *p = text, *end = text + n;

	for (size_t line = 1; p < end; line++) {
		struct tool_userfile_entry e = {.line = line,
		    .user = {
			.created_s = opts->now_s, .changed_s = opts->now_s}};
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *next = lf == NULL ? end : lf + 1;
		const char *stop = lf == NULL ? end : lf;
		if (stop > p && stop[-1] == '\r')
			stop--;
		if (stop == p || *p == '#') {
			p = next;
			continue;
		}
		const char *colon = memchr(p, ':', (size_t)(stop - p));
		if (colon == NULL) {
			tool_userfile_error(
			    f, line, "no ':' between a name and a hash");
			p = next;
			continue;
		}
		const char *hash = colon + 1;
		const char *more = memchr(hash, ':', (size_t)(stop - hash));
		bool is_name =
		    userfile_take_name(f, p, (size_t)(colon - p), &e);
		bool is_hash = userfile_take_hash(f, opts, hash,
		    (size_t)((more == NULL ? stop : more) - hash), &e);
		if (is_name && is_hash && userfile_add_entry(f, &e) == -1)
			return -1;
		p = next;
	}
	return 0;
}

int
tool_userfile_put_htpasswd(struct buf *out, const struct record_user *r)
{
	return buf_printf(out, "%s:%s\n", r->name, r->hash);
}

/* --- names that come twice ------------------------------------------------ */

struct folded {
	const char *fold;
	size_t entry;
};

static int
compare_folded(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;
	int order = strcmp(x->fold, y->fold);

	if (order != 0)
		return order;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static int
compare_entry(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;

	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Sorted by name and then back, for messages in the file's order. */
static int
find_twice(struct tool_userfile *f)
{
	struct buf folds = BUF_INIT;
	char fold[NAME_FOLD_SIZE];
	size_t at = 0, n_twice = 0;
	int rc = -1;

	struct folded *all = calloc(f->n + 1, sizeof(*all));
	if (all == NULL)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (name_fold(f->entries[i].user.name, fold) != NAME_OK ||
		    buf_append(&folds, fold, strlen(fold) + 1) != 0)
			goto out;
	for (size_t i = 0; i < f->n; i++) {
		all[i] = (struct folded){folds.data + at, i};
		at += strlen(folds.data + at) + 1;
	}
	qsort(all, f->n, sizeof(*all), compare_folded);
	for (size_t i = 1; i < f->n; i++)
		if (strcmp(all[i - 1].fold, all[i].fold) == 0)
			all[n_twice++].entry = all[i].entry;
	qsort(all, n_twice, sizeof(*all), compare_entry);
	for (size_t i = 0; i < n_twice; i++)
		tool_userfile_error(f, f->entries[all[i].entry].line,
		    "%s is in the file already",
		    f->entries[all[i].entry].user.name);
	rc = 0;
out:
	buf_fini(&folds);
	free(all);
	return rc;
}

/* -------------------------------------------------------------------------- */

/* Of its first line that says something. */
static bool
is_csv(const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	while (p < end && (*p == '#' || *p == '\n' || *p == '\r')) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		p = lf == NULL ? end : lf + 1;
	}
	if (p == end)
		return false;
	while (p < end && *p != ':' && *p != '\n')
		p++;
	return p == end || *p == '\n';
}

int
tool_userfile_parse(const struct tool_userfile_opts *opts, char *text, size_t n,
    struct tool_userfile *out)
{
	memset(out, 0, sizeof(*out));
	out->label = opts->label;
	if (n >= 3 && memcmp(text, bom, 3) == 0) {
		text += 3;
		n -= 3;
	}
	int rc = is_csv(text, n) ? userfile_parse_csv(opts, text, n, out)
				 : parse_htpasswd(opts, text, n, out);
	if (rc == 0)
		rc = find_twice(out);
	return out->errors.has_failed ? -1 : rc;
}

void
tool_userfile_free(struct tool_userfile *f)
{
	if (f->entries != NULL) /* hashes are in it */
		crypto_wipe(f->entries, f->cap * sizeof(*f->entries));
	free(f->entries);
	buf_fini(&f->errors);
	memset(f, 0, sizeof(*f));
}
