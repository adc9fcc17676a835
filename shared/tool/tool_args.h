/*
 * The command line of gatecast-tool against a table of its commands. Pure:
 * words in, a filled struct or an error out; nothing printed.
 */
#ifndef TOOL_TOOL_ARGS_H
#define TOOL_TOOL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct tool;

/* Options a command takes, beside -c FILE, which all take. */
#define TOOL_ARGS_JSON 1U
#define TOOL_ARGS_PASSWORD_STDIN 2U
#define TOOL_ARGS_USER 4U
#define TOOL_ARGS_ALL 8U
#define TOOL_ARGS_HTPASSWD 16U
#define TOOL_ARGS_CSV 32U
#define TOOL_ARGS_GROUP 64U

#define TOOL_ARGS_OPERANDS_MAX 2
#define TOOL_ARGS_GROUPS_MAX 16 /* --group, which may come again */

struct tool_args_command {
	const char *group; /* "user" */
	const char *verb; /* "add"; NULL: the group alone is the command */
	const char *operands; /* for the usage; "" for none */
	size_t min, max; /* how many operands */
	unsigned options;
	bool is_configured; /* needs a good configuration */
	int (*run)(struct tool *t); /* gives the exit code */
	const char *help; /* one line */
};

struct tool_args {
	const struct tool_args_command *command;
	const char *group; /* the first word, if commands begin so */
	const char *conf; /* -c FILE, or NULL */
	const char *operands[TOOL_ARGS_OPERANDS_MAX];
	size_t n;
	bool has_json;
	bool has_password_stdin;
	bool has_all;
	bool has_htpasswd;
	bool has_csv;
	const char *user; /* --user NAME, or NULL */
	const char *groups[TOOL_ARGS_GROUPS_MAX];
	size_t n_groups;
};

enum tool_args_err {
	TOOL_ARGS_OK = 0,
	TOOL_ARGS_NO_COMMAND,
	TOOL_ARGS_UNKNOWN_COMMAND,
	TOOL_ARGS_UNKNOWN_OPTION, /* or not one of this command */
	TOOL_ARGS_NO_VALUE, /* the option wants one */
	TOOL_ARGS_FEW, /* operands */
	TOOL_ARGS_MANY,
};

/*
 * commands ends with a NULL group. Options may stand anywhere; "--" ends
 * them. On failure *word is the word at fault ("" if one is missing), and
 * out->group and out->command are set when they were recognised.
 */
enum tool_args_err tool_args_parse(const struct tool_args_command *commands,
    int argc, char *const *argv, struct tool_args *out, const char **word);

/* What is wrong, to be followed by the word. */
const char *tool_args_strerror(enum tool_args_err err);

/* One line: "gatecast user add NAME [--password-stdin]" and a newline. */
void tool_args_print_usage(FILE *f, const struct tool_args_command *c);

#endif
