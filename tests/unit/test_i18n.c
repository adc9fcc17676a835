#include "fcgi-app/i18n.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct i18n *
load(const char *en, const char *zh, struct buf *error)
{
	const struct i18n_file files[I18N_LANGS] = {
	    [I18N_EN] = {"en", en, strlen(en)},
	    [I18N_ZH] = {"zh", zh, strlen(zh)},
	};

	buf_reset(error);
	return i18n_new(files, error);
}

static void
test_load(void **state)
{
	struct buf error = BUF_INIT;
	struct i18n *t = load("# comment\n\nhello = Hello = there\r\nbye=Bye",
	    "bye =  \xe5\x86\x8d\xe8\xa7\x81  \nhello = \xe4\xbd\xa0", &error);

	(void)state;
	assert_non_null(t);
	int hello = i18n_find(t, "hello", 5);
	int bye = i18n_find(t, "byebye", 3);
	assert_true(hello >= 0 && bye >= 0 && hello != bye);
	assert_string_equal(i18n_text(t, I18N_EN, hello), "Hello = there");
	assert_string_equal(
	    i18n_text(t, I18N_ZH, bye), "\xe5\x86\x8d\xe8\xa7\x81");
	assert_int_equal(i18n_find(t, "hell", 4), -1);
	assert_int_equal(i18n_find(t, "", 0), -1);
	i18n_free(t);
	i18n_free(NULL);
	buf_fini(&error);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *en, *zh, *message;
	} table[] = {
	    {"a = 1\nb\n", "a = 1\n", "en:2: "},
	    {"a = 1\n", "a = 1\na = 2\n", "zh:2: "},
	    {"a = 1\n", "A = 1\n", "zh:1: "},
	    {" = 1\n", "a = 1\n", "en:1: "},
	    {"a =\n", "a = 1\n", "en:1: "},
	    {"a = 1\nb = 2\n", "a = 1\n", "zh: the phrase \"b\""},
	    {"a = 1\n", "a = 1\nb = 2\n", "en: the phrase \"b\""},
	    {"a = 1\n", "a = \xe4\xbd\n", "zh:1: this is not UTF-8"},
	    {"b = 2\na = \xff\n", "a = 1\n", "en:2: this is not UTF-8"},
	};
	struct buf error = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_null(load(table[i].en, table[i].zh, &error));
		if (strncmp(buf_str(&error), table[i].message,
			strlen(table[i].message)) != 0)
			fail_msg("%zu: %s", i, buf_str(&error));
	}
	buf_fini(&error);
}

static void
test_accept(void **state)
{
	static const struct {
		const char *header;
		enum i18n_lang lang;
	} table[] = {
	    {"", I18N_LANGS},
	    {"zh", I18N_ZH},
	    {"en", I18N_EN},
	    {"ZH-cn", I18N_ZH},
	    {"zh-Hant-TW", I18N_ZH},
	    {"fr", I18N_LANGS},
	    {"*", I18N_LANGS},
	    {"fr, zh;q=0.5, en;q=0.4", I18N_ZH},
	    {"en;q=0.4,zh;q=0.5", I18N_ZH},
	    {"en, zh", I18N_EN},
	    {"zh, en", I18N_ZH},
	    {"zh;q=0.7,en;q=0.7", I18N_ZH},
	    {"zh;q=0, en;q=0.1", I18N_EN},
	    {"zh;q=0", I18N_LANGS},
	    {"zh;q=0.001", I18N_ZH},
	    {"zh ; q=0.9 , en ; q=1.000", I18N_EN},
	    {"zh;q=1.001, en;q=0.1", I18N_EN},
	    {"zh;q=2, en;q=0.1", I18N_EN},
	    {"zh;q=, en;q=0.1", I18N_EN},
	    {"zh;x=1, en;q=0.1", I18N_EN},
	    {"zh;q=0.5555, en;q=0.1", I18N_EN},
	    {",,,zh,,", I18N_ZH},
	    {"zhx, enx", I18N_LANGS},
	    {"z, e", I18N_LANGS},
	    {"-zh", I18N_LANGS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (i18n_accept(table[i].header, strlen(table[i].header)) !=
		    table[i].lang)
			fail_msg("%s", table[i].header);
}

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(i18n_by_name("en", 2), I18N_EN);
	assert_int_equal(i18n_by_name("zh", 2), I18N_ZH);
	assert_int_equal(i18n_by_name("ZH", 2), I18N_LANGS);
	assert_int_equal(i18n_by_name("", 0), I18N_LANGS);
	assert_int_equal(i18n_by_name("zh-CN", 5), I18N_LANGS);
	assert_string_equal(i18n_name(I18N_ZH), "zh");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_load),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_accept),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
