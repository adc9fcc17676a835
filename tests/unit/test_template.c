#include "fcgi-app/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"user", "flag", "", "next"};
enum {
	USER,
	FLAG,
	UNNAMED,
	NEXT,
	NAMES
};

static struct i18n *phrases;
static const char *main_text;

static int
setup(void **state)
{
	const struct i18n_file files[I18N_LANGS] = {
	    {"en", "hi = Hi <all>\n", 14},
	    {"zh", "hi = \xe4\xbd\xa0\n", 9},
	};
	struct buf error = BUF_INIT;

	(void)state;
	phrases = i18n_new(files, &error);
	buf_fini(&error);
	return phrases == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	i18n_free(phrases);
	return 0;
}

static int
read_text(void *arg, const char *file, struct buf *out, struct buf *error)
{
	(void)arg;
	if (strcmp(file, "main") == 0)
		return buf_puts(out, main_text);
	if (strcmp(file, "part.html") == 0)
		return buf_puts(out, "[{{user}}]");
	if (strcmp(file, "bad.html") == 0)
		return buf_puts(out, "\n\n{{nobody}}");
	if (strcmp(file, "open.html") == 0)
		return buf_puts(out, "{{?flag}}");
	if (strcmp(file, "loop.html") == 0)
		return buf_puts(out, "{{>loop.html}}");
	buf_puts(error, "no such file");
	return -1;
}

/* Two rows, of which the second one's flag is not set. */
static bool
row(void *arg, size_t i, const char **values)
{
	(void)arg;
	values[NEXT] = i == 0 ? "<1>" : "2";
	values[FLAG] = i == 0 ? "1" : NULL;
	return i < 2;
}

static struct template_page *
load(const char *text, struct buf *error)
{
	const struct template_source source = {read_text, NULL, phrases};

	main_text = text;
	buf_reset(error);
	return template_new("main", &source, names, NAMES, error);
}

static void
assert_page(const char *text, const char *user, const char *flag,
    enum i18n_lang lang, const char *page)
{
	const char *values[NAMES] = {
	    [USER] = user, [FLAG] = flag, [NEXT] = "/a&b"};
	struct buf error = BUF_INIT;
	struct buf out = BUF_INIT;
	struct template_page *t = load(text, &error);

	if (t == NULL) {
		fail_msg("%s: %s", text, buf_str(&error));
		return;
	}
	assert_int_equal(template_render(t, values, row, NULL, lang, &out), 0);
	assert_string_equal(buf_str(&out), page);
	template_free(t);
	buf_fini(&out);
	buf_fini(&error);
}

static void
test_render(void **state)
{
	(void)state;
	assert_page("", NULL, NULL, I18N_EN, "");
	assert_page(
	    "plain { } }} text", NULL, NULL, I18N_EN, "plain { } }} text");
	assert_page(
	    "{{user}}", "<b>\"'&", NULL, I18N_EN, "&lt;b&gt;&quot;&#39;&amp;");
	assert_page("{{user}}", NULL, NULL, I18N_EN, "");
	assert_page("?n={{url:next}}.", NULL, NULL, I18N_EN, "?n=/a%26b.");
	assert_page("{{t:hi}}", NULL, NULL, I18N_EN, "Hi &lt;all&gt;");
	assert_page("{{t:hi}}", NULL, NULL, I18N_ZH, "\xe4\xbd\xa0");
	assert_page("a{{>part.html}}b", "U", NULL, I18N_EN, "a[U]b");
	/* A value is text: what it contains is not looked at again. */
	assert_page("{{user}}", "{{next}}", NULL, I18N_EN, "{{next}}");
}

static void
test_sections(void **state)
{
	static const char text[] =
	    "1{{?flag}}2{{?user}}3{{/user}}{{^user}}4{{/user}}{{/flag}}"
	    "{{^flag}}5{{/flag}}6";

	(void)state;
	assert_page(text, "u", "1", I18N_EN, "1236");
	assert_page(text, "", "1", I18N_EN, "1246");
	assert_page(text, NULL, NULL, I18N_EN, "156");
	assert_page(text, NULL, "", I18N_EN, "156");
}

static void
test_list(void **state)
{
	struct buf error = BUF_INIT, out = BUF_INIT;
	const char *values[NAMES] = {NULL};

	(void)state;
	assert_page("a{{#user}}[{{next}}{{?flag}}!{{/flag}}]{{/user}}b", NULL,
	    NULL, I18N_EN, "a[&lt;1&gt;!][2]b");
	assert_page("{{#user}}{{>part.html}}{{/user}}{{#user}}.{{/user}}", "u",
	    NULL, I18N_EN, "[u][u]..");
	struct template_page *t = load("a{{#user}}x{{/user}}b", &error);
	assert_non_null(t);
	assert_int_equal(
	    template_render(t, values, NULL, NULL, I18N_EN, &out), 0);
	assert_string_equal(buf_str(&out), "ab");
	template_free(t);
	buf_fini(&out);
	buf_fini(&error);
}

static void
test_many_files(void **state)
{
	struct buf text = BUF_INIT;
	struct buf error = BUF_INIT;

	(void)state;
	for (int i = 1; i < TEMPLATE_FILES_MAX; i++)
		buf_puts(&text, "{{>part.html}}");
	struct template_page *t = load(buf_str(&text), &error);
	assert_non_null(t);
	template_free(t);
	buf_puts(&text, "{{>part.html}}");
	assert_null(load(buf_str(&text), &error));
	assert_non_null(strstr(buf_str(&error), "too many files"));
	buf_fini(&text);
	buf_fini(&error);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} table[] = {
	    {"\n{{nobody}}", "main:2: "},
	    {"{{}}", "main:1: "},
	    {"{{ user }}", "main:1: "},
	    {"{{?}}x{{/}}", "main:1: "},
	    {"{{url:}}", "main:1: "},
	    {"{{url:nobody}}", "main:1: "},
	    {"{{t:nothing}}", "main:1: "},
	    {"{{t:}}", "main:1: "},
	    {"a\nb{{user", "main:2: "},
	    {"{{us\ner}}", "main:1: "},
	    {"\n\n{{?flag}}\n\n", "main:3: "},
	    {"{{/flag}}", "main:1: "},
	    {"{{?flag}}{{/user}}", "main:1: "},
	    {"{{?flag}}{{?user}}{{/flag}}{{/user}}", "main:1: "},
	    {"{{?nobody}}{{/nobody}}", "main:1: "},
	    {"{{>}}", "main:1: "},
	    {"{{>../etc/passwd}}", "main:1: "},
	    {"{{>.hidden}}", "main:1: "},
	    {"{{>/etc/passwd}}", "main:1: "},
	    {"{{>none.html}}", "none.html: "},
	    {"{{>bad.html}}", "bad.html:3: "},
	    {"{{>open.html}}{{/flag}}", "open.html:1: "},
	    {"{{>loop.html}}", "loop.html:1: "},
	    {"{{&user}}", "main:1: "},
	    {"{{#nobody}}{{/nobody}}", "main:1: "},
	    {"\n{{#user}}", "main:2: "},
	    {"{{#user}}{{#flag}}{{/flag}}{{/user}}", "main:1: "},
	    {"{{{user}}}", "main:1: "},
	    {"{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}{{?user}}"
	     "{{?user}}{{?user}}{{?user}}",
		"main:1: "},
	};
	struct buf error = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct template_page *t = load(table[i].text, &error);
		if (t != NULL ||
		    strncmp(buf_str(&error), table[i].message,
			strlen(table[i].message)) != 0)
			fail_msg("%s: %s", table[i].text, buf_str(&error));
	}
	template_free(NULL);
	buf_fini(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_render),
	    cmocka_unit_test(test_sections),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_many_files),
	    cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
