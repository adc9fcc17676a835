/* The command line of gatecast-tool against a table of commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure file is taken in. */
#include "tool/tool_args.c"

#include <stdlib.h>

static int
run_nothing(struct tool *t)
{
	(void)t;
	return 0;
}

static const struct tool_args_command commands[] = {
    {"user", "add", "NAME", 1, 1, TOOL_ARGS_GROUP | TOOL_ARGS_PASSWORD_STDIN,
	true, run_nothing, "h"},
    {"user", "list", "", 0, 0, TOOL_ARGS_JSON, true, run_nothing, "h"},
    {"session", "revoke", "ID | --user NAME | --all", 0, 1,
	TOOL_ARGS_USER | TOOL_ARGS_ALL, true, run_nothing, "h"},
    {"move", "it", "A B", 2, 2, 0, true, run_nothing, "h"},
    {"help", NULL, "[COMMAND]", 0, 2, 0, false, run_nothing, "h"},
    {NULL, NULL, NULL, 0, 0, 0, false, NULL, NULL},
};

#define WORDS_MAX 10

static enum tool_args_err
parse(const char *const *words, struct tool_args *out, const char **word)
{
	char *argv[WORDS_MAX + 2] = {(char *)"gatecast-tool"};
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)words[argc - 1];
	return tool_args_parse(commands, argc, argv, out, word);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		enum tool_args_err err;
		const char *word;
	} cases[] = {
	    {{NULL}, TOOL_ARGS_NO_COMMAND, ""},
	    {{"--", NULL}, TOOL_ARGS_NO_COMMAND, ""},
	    {{"user", NULL}, TOOL_ARGS_NO_COMMAND, ""},
	    {{"nonsense", NULL}, TOOL_ARGS_UNKNOWN_COMMAND, "nonsense"},
	    {{"user", "adds", "x", NULL}, TOOL_ARGS_UNKNOWN_COMMAND, "adds"},
	    {{"add", "user", "x", NULL}, TOOL_ARGS_UNKNOWN_COMMAND, "add"},
	    {{"user", "add", NULL}, TOOL_ARGS_FEW, ""},
	    {{"user", "add", "a", "b", NULL}, TOOL_ARGS_MANY, "b"},
	    {{"user", "list", "a", NULL}, TOOL_ARGS_MANY, "a"},
	    {{"move", "it", "a", "b", "c", NULL}, TOOL_ARGS_MANY, "c"},
	    {{"move", "it", "a", "b", "c", "d", "e", NULL}, TOOL_ARGS_MANY,
		"c"},
	    {{"help", "a", "b", "c", "d", NULL}, TOOL_ARGS_MANY, "c"},
	    {{"user", "list", "--xml", NULL}, TOOL_ARGS_UNKNOWN_OPTION,
		"--xml"},
	    {{"user", "add", "a", "--json", NULL}, TOOL_ARGS_UNKNOWN_OPTION,
		"--json"},
	    {{"user", "list", "--all", NULL}, TOOL_ARGS_UNKNOWN_OPTION,
		"--all"},
	    {{"user", "list", "--json=x", NULL}, TOOL_ARGS_UNKNOWN_OPTION,
		"--json=x"},
	    {{"user", "list", "-c", NULL}, TOOL_ARGS_NO_VALUE, "-c"},
	    {{"session", "revoke", "--user", NULL}, TOOL_ARGS_NO_VALUE,
		"--user"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tool_args a;
		const char *word = NULL;
		assert_int_equal(
		    parse(cases[i].words, &a, &word), cases[i].err);
		assert_string_equal(word, cases[i].word);
	}
}

static void
test_command_and_operand(void **state)
{
	const char *const words[] = {"user", "add", "alice", NULL};
	struct tool_args a;
	const char *word;

	(void)state;
	assert_int_equal(parse(words, &a, &word), TOOL_ARGS_OK);
	assert_ptr_equal(a.command, &commands[0]);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.operands[0], "alice");
	assert_null(a.conf);
	assert_false(a.has_password_stdin);
}

static void
test_options_anywhere(void **state)
{
	static const char *const orders[][WORDS_MAX] = {
	    {"-c", "f", "user", "add", "alice", "--password-stdin", NULL},
	    {"user", "-c", "f", "add", "--password-stdin", "alice", NULL},
	    {"--password-stdin", "user", "add", "alice", "-c", "f", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct tool_args a;
		const char *word;
		assert_int_equal(parse(orders[i], &a, &word), TOOL_ARGS_OK);
		assert_ptr_equal(a.command, &commands[0]);
		assert_string_equal(a.conf, "f");
		assert_string_equal(a.operands[0], "alice");
		assert_true(a.has_password_stdin);
	}
}

static void
test_option_again(void **state)
{
	const char *const some[] = {
	    "user", "add", "--group", "ops", "alice", "--group", "staff", NULL};
	char *argv[3 + 2 * (TOOL_ARGS_GROUPS_MAX + 1)];
	struct tool_args a;
	const char *word;

	(void)state;
	assert_int_equal(parse(some, &a, &word), TOOL_ARGS_OK);
	assert_int_equal(a.n_groups, 2);
	assert_string_equal(a.groups[0], "ops");
	assert_string_equal(a.groups[1], "staff");
	assert_string_equal(a.operands[0], "alice");
	int argc = 0;
	for (const char *const *w =
		 (const char *const[]){"gatecast-tool", "user", "add", NULL};
	     *w != NULL; w++)
		argv[argc++] = (char *)*w;
	for (int i = 0; i <= TOOL_ARGS_GROUPS_MAX; i++) {
		argv[argc++] = (char *)"--group";
		argv[argc++] = (char *)(i < TOOL_ARGS_GROUPS_MAX ? "g" : "h");
	}
	assert_int_equal(
	    tool_args_parse(commands, argc, argv, &a, &word), TOOL_ARGS_MANY);
	assert_string_equal(word, "h");
}

static void
test_option_values(void **state)
{
	const char *const user[] = {
	    "session", "revoke", "--user", "--all", NULL};
	const char *const all[] = {"session", "revoke", "--all", NULL};
	struct tool_args a;
	const char *word;

	(void)state;
	/* What follows --user is its value, whatever it looks like. */
	assert_int_equal(parse(user, &a, &word), TOOL_ARGS_OK);
	assert_string_equal(a.user, "--all");
	assert_false(a.has_all);
	assert_int_equal(a.n, 0);
	assert_int_equal(parse(all, &a, &word), TOOL_ARGS_OK);
	assert_true(a.has_all);
	assert_null(a.user);
}

static void
test_double_dash(void **state)
{
	const char *const words[] = {"user", "add", "--", "--json", NULL};
	struct tool_args a;
	const char *word;

	(void)state;
	assert_int_equal(parse(words, &a, &word), TOOL_ARGS_OK);
	assert_string_equal(a.operands[0], "--json");
	assert_false(a.has_json);
}

static void
test_group_alone(void **state)
{
	const char *const words[] = {"help", "user", "add", NULL};
	struct tool_args a;
	const char *word;

	(void)state;
	assert_int_equal(parse(words, &a, &word), TOOL_ARGS_OK);
	assert_ptr_equal(a.command, &commands[4]);
	assert_int_equal(a.n, 2);
	assert_string_equal(a.operands[1], "add");
}

/* What was meant, as far as it can be told: usage is printed from it. */
static void
test_meant(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *group;
		const char *verb;
	} cases[] = {
	    {{"usr", "add", NULL}, NULL, NULL},
	    {{"user", NULL}, "user", NULL},
	    {{"user", "ad", NULL}, "user", NULL},
	    {{"user", "add", NULL}, "user", "add"},
	    {{"user", "--xml", "list", NULL}, "user", "list"},
	    {{"--xml", NULL}, NULL, NULL},
	    {{"session", "revoke", "--user", NULL}, "session", "revoke"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tool_args a;
		const char *word;
		assert_int_not_equal(
		    parse(cases[i].words, &a, &word), TOOL_ARGS_OK);
		if (cases[i].group == NULL)
			assert_null(a.group);
		else
			assert_string_equal(a.group, cases[i].group);
		if (cases[i].verb == NULL)
			assert_null(a.command);
		else
			assert_string_equal(a.command->verb, cases[i].verb);
	}
}

static void
test_usage(void **state)
{
	char *text = NULL;
	size_t n = 0;

	(void)state;
	FILE *f = open_memstream(&text, &n);
	assert_non_null(f);
	tool_args_print_usage(f, &commands[0]);
	tool_args_print_usage(f, &commands[2]);
	tool_args_print_usage(f, &commands[4]);
	fclose(f);
	assert_string_equal(text,
	    "gatecast user add NAME [--group GROUP] ... [--password-stdin]\n"
	    "gatecast session revoke ID | --user NAME | --all\n"
	    "gatecast help [COMMAND]\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_command_and_operand),
	    cmocka_unit_test(test_options_anywhere),
	    cmocka_unit_test(test_option_again),
	    cmocka_unit_test(test_option_values),
	    cmocka_unit_test(test_double_dash),
	    cmocka_unit_test(test_group_alone),
	    cmocka_unit_test(test_meant),
	    cmocka_unit_test(test_usage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
