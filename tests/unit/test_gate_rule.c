/* The rules of [gate]: their spelling, and which of them counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/gate_rule.h"

#include <stdio.h>
#include <string.h>

static void
test_parse(void **state)
{
	static const struct {
		const char *word, *path;
		enum gate_who who;
		const char *groups;
	} good[] = {
	    {"/=any", "", GATE_WHO_ANY, ""},
	    {"/=public", "", GATE_WHO_PUBLIC, ""},
	    {"/admin=ops", "/admin", GATE_WHO_GROUPS, "ops"},
	    {"/admin/=staff,ops,ops", "/admin", GATE_WHO_GROUPS, "ops,staff"},
	    {"/a%20b=any", "/a b", GATE_WHO_ANY, ""},
	    {"/\xe4\xb8\x8a=any", "/\xe4\xb8\x8a", GATE_WHO_ANY, ""},
	    {"/a=b=any", "/a=b", GATE_WHO_ANY, ""},
	};
	static const char *const bad[] = {"", "/", "/a", "any", "=any", "a=any",
	    "/a=", "/a=,", "/a=a,", "/a=,a", "/a=any,ops", "/a=ops,public",
	    "/a=Ops", "/a=ops staff", "/a//b=any", "/a//=any", "/a/../b=any",
	    "/a;b=any", "/a?b=any", "/%2f=any", "/a.=any", "//=any"};
	char word[400];
	struct gate_rule r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!gate_rule_parse(good[i].word, &r))
			fail_msg("refused: %s", good[i].word);
		assert_string_equal(r.path, good[i].path);
		assert_int_equal(r.n, strlen(good[i].path));
		assert_int_equal(r.who, good[i].who);
		assert_string_equal(r.groups, good[i].groups);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (gate_rule_parse(bad[i], &r))
			fail_msg("taken: %s", bad[i]);
	for (size_t n = GATE_RULE_PATH_MAX; n <= GATE_RULE_PATH_MAX + 1; n++) {
		memset(word, 'a', n);
		word[0] = '/';
		strcpy(word + n, "=any");
		assert_int_equal(
		    gate_rule_parse(word, &r), n == GATE_RULE_PATH_MAX);
	}
}

static char *rules[] = {(char *)"/pub=public", (char *)"/admin/=ops,staff",
    (char *)"/admin/logs=ops", (char *)"/admin/logs/open=any",
    (char *)"/pub/admin=ops"};

static void
check(size_t n, const char *path, enum gate_who want, const char *groups)
{
	char got[GROUP_LIST_SIZE];
	struct gate_path p;

	assert_true(gate_path_read(&p, path, strlen(path), GATE_PATH_URL));
	enum gate_who who = gate_rules_find(rules, n, &p, got);
	if (who != want)
		fail_msg("%s: %d, not %d", path, who, want);
	if (who != GATE_WHO_UNCLEAR)
		assert_string_equal(got, groups);
}

static void
test_find(void **state)
{
	static const struct {
		const char *path;
		enum gate_who who;
		const char *groups;
	} cases[] = {
	    {"/", GATE_WHO_ANY, ""},
	    {"/index.html", GATE_WHO_ANY, ""},
	    {"/pub", GATE_WHO_PUBLIC, ""},
	    {"/pub/", GATE_WHO_PUBLIC, ""},
	    {"/pub/x/y", GATE_WHO_PUBLIC, ""},
	    {"/publish", GATE_WHO_ANY, ""},
	    {"/pub-secret", GATE_WHO_ANY, ""},
	    {"/x/pub", GATE_WHO_ANY, ""},
	    {"/pub/admin/x", GATE_WHO_GROUPS, "ops"},
	    {"/admin", GATE_WHO_GROUPS, "ops,staff"},
	    {"/admin/x", GATE_WHO_GROUPS, "ops,staff"},
	    {"/%61dmin/x", GATE_WHO_GROUPS, "ops,staff"},
	    {"/admin?x", GATE_WHO_GROUPS, "ops,staff"},
	    {"/admin/logs/1", GATE_WHO_GROUPS, "ops"},
	    {"/admin/logs/open/1", GATE_WHO_ANY, ""},
	    {"/administrator", GATE_WHO_ANY, ""},
	    /* In another case, another rule: unclear. */
	    {"/Admin/x", GATE_WHO_UNCLEAR, ""},
	    {"/admin/LOGS", GATE_WHO_UNCLEAR, ""},
	    {"/PUB/x", GATE_WHO_UNCLEAR, ""},
	    {"/pub/X", GATE_WHO_PUBLIC, ""},
	    {"/X", GATE_WHO_ANY, ""},
	    /* Empty segments that decide. */
	    {"//admin/x", GATE_WHO_UNCLEAR, ""},
	    {"/admin//logs", GATE_WHO_UNCLEAR, ""},
	    {"//pub/x", GATE_WHO_UNCLEAR, ""},
	    {"/admin//x", GATE_WHO_GROUPS, "ops,staff"},
	    {"/pub//x", GATE_WHO_PUBLIC, ""},
	    {"//x", GATE_WHO_ANY, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(sizeof(rules) / sizeof(rules[0]), cases[i].path,
		    cases[i].who, cases[i].groups);
	check(0, "/admin", GATE_WHO_ANY, "");
}

/* The order of the rules makes no difference, and a word that is none. */
static void
test_order(void **state)
{
	char *there[] = {(char *)"/=ops", (char *)"nonsense",
	    (char *)"/a=public", (char *)"/a/b=staff"};
	char *back[] = {there[3], there[2], there[1], there[0]};
	static const char *const paths[] = {"/", "/x", "/a", "/a/b", "/a/b/c"};
	char a[GROUP_LIST_SIZE], b[GROUP_LIST_SIZE];
	struct gate_path p;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_true(gate_path_read(
		    &p, paths[i], strlen(paths[i]), GATE_PATH_URL));
		assert_int_equal(gate_rules_find(there, 4, &p, a),
		    gate_rules_find(back, 4, &p, b));
		assert_string_equal(a, b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
