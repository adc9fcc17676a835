/* Names that look alike, and names that mix scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_confusable.c"

#include <string.h>

static struct tool_confusable *confusable;

static int
setup(void **state)
{
	(void)state;
	confusable = tool_confusable_new();
	return confusable == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	tool_confusable_free(confusable);
	return 0;
}

static bool
is_alike(const char *a, const char *b)
{
	struct buf of_a[TOOL_CONFUSABLE_LOOKS], of_b[TOOL_CONFUSABLE_LOOKS];
	bool is = false;

	for (int i = 0; i < TOOL_CONFUSABLE_LOOKS; i++) {
		buf_init(&of_a[i]);
		buf_init(&of_b[i]);
	}
	assert_int_equal(tool_confusable_looks(confusable, a, of_a), 0);
	assert_int_equal(tool_confusable_looks(confusable, b, of_b), 0);
	for (int i = 0; i < TOOL_CONFUSABLE_LOOKS; i++)
		for (int j = 0; j < TOOL_CONFUSABLE_LOOKS; j++)
			is |= of_a[i].len == of_b[j].len &&
			    memcmp(of_a[i].data, of_b[j].data, of_a[i].len) ==
				0;
	for (int i = 0; i < TOOL_CONFUSABLE_LOOKS; i++) {
		buf_fini(&of_a[i]);
		buf_fini(&of_b[i]);
	}
	return is;
}

static void
test_alike(void **state)
{
	static const char *const pairs[][2] = {
	    {"alice", "\u0430lice"}, /* Cyrillic a */
	    {"paypal", "paypa1"}, {"paypal", "paypaI"}, {"paypal", "PAYPA1"},
	    {"bob", "b0b"}, {"BOB", "b0b"}, {"bob1", "bobl"}, {"mike", "rnike"},
	    {"Isa", "\u0456\u0455\u0430"}, /* Cyrillic і ѕ а */
	    {"ISA", "\u0456\u0455\u0430"},
	    {"top", "\u0422\u041e\u0420"}, /* Cyrillic ТОР */
	    {"lan", "Ian"}, {"\u53e3", "\u30ed"}, /* Han mouth, katakana ro */
	    {"\u03bf\u03bd", "ov"}, /* Greek omicron nu */
	    {"a\u0131", "ai"}, /* dotless i */
	    {"\u0660\u0661", ".l"}, /* Arabic digits */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!is_alike(pairs[i][0], pairs[i][1]) ||
		    !is_alike(pairs[i][1], pairs[i][0]))
			fail_msg("%s %s", pairs[i][0], pairs[i][1]);
}

static void
test_not_alike(void **state)
{
	static const char *const pairs[][2] = {
	    {"alice", "alicia"},
	    {"bob1", "bob2"},
	    {"ian", "lan"},
	    {"jos\u00e9", "jose"},
	    {"anna", "ana"},
	    {"a.b", "a_b"},
	    {"a-b", "ab"},
	    {"\u5f20\u4f1f", "\u5f20\u536b"},
	    {"\u5f20\u4f1f", "\u7ae0\u4f1f"}, /* other Zhang */
	    {"\u53d1", "\u767c"}, /* simplified, traditional */
	    {"\u0438\u0432\u0430\u043d", "\u0438\u0432\u0430\u043d\u0430"},
	    {"user10", "user11"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (is_alike(pairs[i][0], pairs[i][1]))
			fail_msg("%s %s", pairs[i][0], pairs[i][1]);
}

static void
test_scripts(void **state)
{
	static const struct {
		const char *name;
		bool is_mixed;
	} cases[] = {
	    {"alice", false}, {"jos\u00e9.m-\u00f1_2", false},
	    {"\u5f20\u4f1f", false}, /* Chinese */
	    {"\u5f20\u4f1flee-88", false},
	    {"\u738b\u3105a", false}, /* and Bopomofo, and Latin */
	    {"\u3042\u30a2\u6f22a", false}, /* Japanese, and Latin */
	    {"\u30e9\u30fc\u30e1\u30f3", false}, /* long vowel mark */
	    {"\uae40\u6f22a", false}, /* Korean, and Latin */
	    {"\u0438\u0432\u0430\u043d7", false},
	    {"\u0430lice", true}, /* Cyrillic and Latin */
	    {"\u03b1lice", true}, /* Greek and Latin */
	    {"\u0438\u03b1", true}, /* Cyrillic and Greek */
	    {"\u0438\u5f20", true}, /* Cyrillic and Han */
	    {"\u3042\uae40", true}, /* kana and Hangul */
	    {"\u3042\u3105", true}, /* kana and Bopomofo */
	    {"a\u0644\u064a", true}, /* Latin and Arabic */
	    {"a\u0928", true}, /* Latin and Devanagari */
	    {"b\u0665b", true}, /* an Arabic digit that looks like o */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (tool_confusable_is_mixed(confusable, cases[i].name) !=
		    cases[i].is_mixed)
			fail_msg("%s", cases[i].name);
}

/* The longest names, of the letters that grow most. */
static void
test_longest(void **state)
{
	static const char *const letters[] = {
	    "\ufdfa", "m", "\u0390", "\ufb03", "\U0001d7f7", "\u3383"};
	struct buf looks[TOOL_CONFUSABLE_LOOKS] = {BUF_INIT, BUF_INIT};

	(void)state;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		char name[NAME_SIZE] = "";

		for (int k = 0; k < NAME_CHARS_MAX; k++)
			strcat(name, letters[i]);
		assert_int_equal(
		    tool_confusable_looks(confusable, name, looks), 0);
		assert_true(looks[0].len >= NAME_CHARS_MAX * 2);
	}
	buf_fini(&looks[0]);
	buf_fini(&looks[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_alike),
	    cmocka_unit_test(test_not_alike),
	    cmocka_unit_test(test_scripts),
	    cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
