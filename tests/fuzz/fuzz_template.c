/*
 * Templates: whatever the file says, it is refused with a message or renders
 * without letting markup out of a value. And any bytes as a value.
 */
#include "fcgi-app/html.h"
#include "fcgi-app/template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static int
read_input(void *arg, const char *file, struct buf *out, struct buf *error)
{
	const struct input *in = arg;

	if (strcmp(file, "main") == 0 || strcmp(file, "a") == 0)
		return buf_append(out, in->data, in->size);
	buf_puts(error, "no such file");
	return -1;
}

/* Characters that could end a text or an attribute. */
static size_t
count_markup(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '<' || b->data[i] == '>' ||
		    b->data[i] == '"' || b->data[i] == '\'';
	return n;
}

static void
check_value(const char *bytes, size_t n)
{
	struct buf b = BUF_INIT;

	if (html_put_text(&b, bytes, n) == -1 || count_markup(&b) > 0)
		abort();
	buf_reset(&b);
	if (html_put_query(&b, bytes, n) == -1 || count_markup(&b) > 0)
		abort();
	buf_fini(&b);
}

/* Of a list with two rows. */
static bool
row(void *arg, size_t i, const char **values)
{
	values[1] = arg;
	return i < 2;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a", "b", ""};
	const char *plain[] = {"a", "b", NULL};
	char marks[] = "\"'", letter[] = "b";
	const char *hostile[] = {"<script>", "\"'", NULL};
	const struct i18n_file files[I18N_LANGS] = {
	    {"en", "k = v\n", 6}, {"zh", "k = w\n", 6}};
	struct input in = {data, size};
	struct buf error = BUF_INIT;
	struct buf out = BUF_INIT;

	check_value((const char *)data, size);
	struct buf marked = BUF_INIT;
	struct i18n *phrases = i18n_new(files, &error);
	const struct template_source source = {read_input, &in, phrases};

	struct template_page *t =
	    template_new("main", &source, names, 3, &error);
	if ((t == NULL) != (error.len > 0))
		abort();
	if (t != NULL) {
		if (template_render(t, plain, row, letter, I18N_EN, &out) ==
			-1 ||
		    template_render(t, hostile, row, marks, I18N_EN, &marked) ==
			-1)
			abort();
		/* What a value says adds no markup. */
		if (count_markup(&out) != count_markup(&marked))
			abort();
		template_free(t);
	}
	i18n_free(phrases);
	buf_fini(&marked);
	buf_fini(&out);
	buf_fini(&error);
	return 0;
}
