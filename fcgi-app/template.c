/*
 * A template becomes a flat list of operations; sections are jumps. Includes
 * are resolved while parsing, so rendering opens no file and cannot fail but
 * for memory. The price is that a change needs a reload (SIGHUP).
 */
#include "fcgi-app/template.h"

#include "fcgi-app/html.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX 4096
#define TAG_MAX 80

enum op_kind {
	OP_LITERAL, /* text[at .. at + n] */
	OP_VALUE, /* names[at] */
	OP_QUERY, /* names[at] */
	OP_PHRASE, /* phrase number at */
	OP_IF, /* names[at] empty: go on at op n */
	OP_IF_NOT, /* names[at] not empty: go on at op n */
	OP_EACH, /* ops up to n for each row, then go on there */
};

struct op {
	enum op_kind kind;
	size_t at;
	size_t n;
};

struct template_page {
	struct op *ops;
	size_t n_ops;
	struct buf text;
	const struct i18n *phrases;
};

struct parser {
	struct template_page *t;
	const struct template_source *source;
	const char *const *names;
	size_t n_names;
	struct buf *error;
	unsigned depth;
	unsigned files;
	bool is_in_list;
};

/* A section that is still open: the op to patch and its name. */
struct section {
	size_t op;
	size_t name;
	unsigned line;
};

struct scan {
	const char *file;
	const char *bytes;
	size_t n;
	size_t at;
	unsigned line;
	struct section open[TEMPLATE_NEST_MAX];
	size_t n_open;
};

static int parse_file(struct parser *p, const char *file);

static int
fail(struct parser *p, const struct scan *s, const char *what, const char *tag,
    size_t n)
{
	buf_printf(p->error, "%s:%u: %s", s->file, s->line, what);
	if (tag != NULL) {
		buf_puts(p->error, ": {{");
		buf_append(p->error, tag, n);
		buf_puts(p->error, "}}");
	}
	buf_putc(p->error, '\n');
	return -1;
}

static struct op *
add(struct parser *p, enum op_kind kind, size_t at)
{
	struct template_page *t = p->t;

	if (t->n_ops == OPS_MAX)
		return NULL;
	struct op *op = &t->ops[t->n_ops++];
	op->kind = kind;
	op->at = at;
	op->n = 0;
	return op;
}

static int
add_literal(struct parser *p, const char *bytes, size_t n)
{
	if (n == 0)
		return 0;
	struct op *op = add(p, OP_LITERAL, p->t->text.len);
	if (op == NULL)
		return -1;
	op->n = n;
	return buf_append(&p->t->text, bytes, n);
}

static bool
find_name(const struct parser *p, const char *s, size_t n, size_t *name)
{
	for (size_t i = 0; n > 0 && i < p->n_names; i++)
		if (strlen(p->names[i]) == n &&
		    memcmp(p->names[i], s, n) == 0) {
			*name = i;
			return true;
		}
	return false;
}

static bool
is_file_name(const char *s, size_t n)
{
	if (n == 0 || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
			(s[i] >= 'A' && s[i] <= 'Z') ||
			(s[i] >= '0' && s[i] <= '9') || s[i] == '_' ||
			s[i] == '-' || s[i] == '.'))
			return false;
	return true;
}

static int
parse_include(struct parser *p, const struct scan *s, const char *tag, size_t n)
{
	char file[TAG_MAX];

	if (!is_file_name(tag + 1, n - 1))
		return fail(p, s, "not a file name", tag, n);
	if (p->depth == TEMPLATE_DEPTH_MAX)
		return fail(p, s, "files inside files too deep", tag, n);
	if (++p->files >= TEMPLATE_FILES_MAX)
		return fail(p, s, "too many files", tag, n);
	memcpy(file, tag + 1, n - 1);
	file[n - 1] = '\0';
	return parse_file(p, file);
}

static int
parse_phrase(struct parser *p, const struct scan *s, const char *tag, size_t n)
{
	int phrase = i18n_find(p->source->phrases, tag + 2, n - 2);

	if (phrase == -1)
		return fail(p, s, "no such phrase", tag, n);
	if (add(p, OP_PHRASE, (size_t)phrase) == NULL)
		return fail(p, s, "too long a page", NULL, 0);
	return 0;
}

static int
parse_section(struct parser *p, struct scan *s, const char *tag, size_t n)
{
	size_t name;

	if (!find_name(p, tag + 1, n - 1, &name))
		return fail(p, s, "this page has no such value", tag, n);
	if (tag[0] == '/') {
		if (s->n_open == 0 || s->open[s->n_open - 1].name != name)
			return fail(p, s, "closes nothing", tag, n);
		s->n_open--;
		struct op *op = &p->t->ops[s->open[s->n_open].op];
		op->n = p->t->n_ops;
		if (op->kind == OP_EACH)
			p->is_in_list = false;
		return 0;
	}
	if (tag[0] == '#') {
		if (p->is_in_list)
			return fail(p, s, "a list inside a list", tag, n);
		p->is_in_list = true;
	}
	if (s->n_open == TEMPLATE_NEST_MAX)
		return fail(p, s, "sections too deep", tag, n);
	struct section *open = &s->open[s->n_open++];
	open->op = p->t->n_ops;
	open->name = name;
	open->line = s->line;
	if (add(p,
		tag[0] == '?'       ? OP_IF
		    : tag[0] == '#' ? OP_EACH
				    : OP_IF_NOT,
		name) == NULL)
		return fail(p, s, "too long a page", NULL, 0);
	return 0;
}

static int
parse_value(struct parser *p, const struct scan *s, const char *tag, size_t n)
{
	bool is_query = n > 4 && memcmp(tag, "url:", 4) == 0;
	size_t skip = is_query ? 4 : 0;
	size_t name;

	if (!find_name(p, tag + skip, n - skip, &name))
		return fail(p, s, "this page has no such value", tag, n);
	if (add(p, is_query ? OP_QUERY : OP_VALUE, name) == NULL)
		return fail(p, s, "too long a page", NULL, 0);
	return 0;
}

/* At "{{": one tag. */
static int
parse_tag(struct parser *p, struct scan *s)
{
	const char *tag = s->bytes + s->at + 2;
	size_t left = s->n - s->at - 2;
	const char *end = memmem(tag, left, "}}", 2);
	int rc;

	if (end == NULL)
		return fail(p, s, "{{ without }}", NULL, 0);
	size_t n = (size_t)(end - tag);
	if (n == 0 || n >= TAG_MAX || memchr(tag, '\n', n) != NULL)
		return fail(
		    p, s, "not a tag (a text cannot contain {{)", NULL, 0);
	if (tag[0] == '>')
		rc = parse_include(p, s, tag, n);
	else if (n > 2 && memcmp(tag, "t:", 2) == 0)
		rc = parse_phrase(p, s, tag, n);
	else if (memchr("?^#/", tag[0], 4) != NULL)
		rc = parse_section(p, s, tag, n);
	else
		rc = parse_value(p, s, tag, n);
	s->at += n + 4;
	return rc;
}

static int
parse_bytes(struct parser *p, const char *file, const char *bytes, size_t n)
{
	struct scan s = {.file = file, .bytes = bytes, .n = n, .line = 1};

	while (s.at < n) {
		const char *start = bytes + s.at;
		const char *tag = memmem(start, n - s.at, "{{", 2);
		size_t len = tag != NULL ? (size_t)(tag - start) : n - s.at;

		if (add_literal(p, start, len) == -1)
			return fail(p, &s, "too long a page", NULL, 0);
		for (size_t i = 0; i < len; i++)
			if (start[i] == '\n')
				s.line++;
		s.at += len;
		if (tag != NULL && parse_tag(p, &s) == -1)
			return -1;
	}
	if (s.n_open > 0) {
		const struct section *open = &s.open[s.n_open - 1];
		s.line = open->line;
		return fail(p, &s, "this section is never closed",
		    p->names[open->name], strlen(p->names[open->name]));
	}
	return 0;
}

static int
parse_file(struct parser *p, const char *file)
{
	struct buf bytes = BUF_INIT;
	struct buf reason = BUF_INIT;
	int rc = -1;

	if (p->source->read(p->source->arg, file, &bytes, &reason) == -1) {
		buf_printf(p->error, "%s: %s\n", file, buf_str(&reason));
		goto out;
	}
	if (bytes.len > TEMPLATE_FILE_MAX) {
		buf_printf(p->error, "%s: longer than %d bytes\n", file,
		    TEMPLATE_FILE_MAX);
		goto out;
	}
	p->depth++;
	rc = parse_bytes(p, file, bytes.data, bytes.len);
	p->depth--;
out:
	buf_fini(&reason);
	buf_fini(&bytes);
	return rc;
}

struct template_page *
template_new(const char *file, const struct template_source *source,
    const char *const *names, size_t count, struct buf *error)
{
	struct template_page *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto nomem;
	buf_init(&t->text);
	t->phrases = source->phrases;
	t->ops = calloc(OPS_MAX, sizeof(*t->ops));
	if (t->ops == NULL)
		goto nomem;
	struct parser p = {.t = t,
	    .source = source,
	    .names = names,
	    .n_names = count,
	    .error = error};
	if (parse_file(&p, file) == -1)
		goto err0;
	/* Most of the room was for the longest page allowed. */
	struct op *ops = realloc(t->ops, (t->n_ops + 1) * sizeof(*ops));
	if (ops != NULL)
		t->ops = ops;
	return t;

nomem:
	buf_printf(error, "%s: out of memory\n", file);
err0:
	template_free(t);
	return NULL;
}

void
template_free(struct template_page *t)
{
	if (t == NULL)
		return;
	buf_fini(&t->text);
	free(t->ops);
	free(t);
}

struct rendering {
	const struct template_page *t;
	const char **values;
	template_row *row;
	void *arg;
	enum i18n_lang lang;
	struct buf *out;
};

static void render(const struct rendering *r, size_t from, size_t to);

/* The list whose ops are from..to; no list stands inside it. */
static void
render_rows(const struct rendering *r, size_t from, size_t to)
{
	for (size_t i = 0; r->row != NULL && r->row(r->arg, i, r->values); i++)
		render(r, from, to);
}

static void
render(const struct rendering *r, size_t from, size_t to)
{
	for (size_t i = from; i < to;) {
		const struct op *op = &r->t->ops[i++];
		const char *value = "";

		if (op->kind != OP_LITERAL && op->kind != OP_PHRASE &&
		    r->values[op->at] != NULL)
			value = r->values[op->at];
		switch (op->kind) {
		case OP_LITERAL:
			buf_append(r->out, r->t->text.data + op->at, op->n);
			break;
		case OP_VALUE:
			html_put_text(r->out, value, strlen(value));
			break;
		case OP_QUERY:
			html_put_query(r->out, value, strlen(value));
			break;
		case OP_PHRASE:
			value = i18n_text(r->t->phrases, r->lang, (int)op->at);
			html_put_text(r->out, value, strlen(value));
			break;
		case OP_IF:
			if (*value == '\0')
				i = op->n;
			break;
		case OP_IF_NOT:
			if (*value != '\0')
				i = op->n;
			break;
		case OP_EACH:
			render_rows(r, i, op->n);
			i = op->n;
			break;
		}
	}
}

int
template_render(const struct template_page *t, const char **values,
    template_row *row, void *arg, enum i18n_lang lang, struct buf *out)
{
	const struct rendering r = {t, values, row, arg, lang, out};

	render(&r, 0, t->n_ops);
	return out->has_failed ? -1 : 0;
}
