/*
 * The command line against the tables. getopt would do the options; it would
 * not say which command takes which, and usage would have to repeat it.
 */
#include "tool/tool_args.h"

#include <string.h>

struct option {
	const char *name;
	unsigned bit; /* 0: every command takes it */
	bool has_value;
	const char *usage; /* NULL: it stands among the operands */
};

static const struct option options[] = {
    {"-c", 0, true, NULL},
    {"--json", TOOL_ARGS_JSON, false, "[--json]"},
    {"--group", TOOL_ARGS_GROUP, true, "[--group GROUP] ..."},
    {"--password-stdin", TOOL_ARGS_PASSWORD_STDIN, false, "[--password-stdin]"},
    {"--user", TOOL_ARGS_USER, true, NULL},
    {"--all", TOOL_ARGS_ALL, false, NULL},
    {"--htpasswd", TOOL_ARGS_HTPASSWD, false, "[--htpasswd"},
    {"--csv", TOOL_ARGS_CSV, false, "| --csv]"},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const struct option *
find_option(const char *word)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strcmp(word, options[i].name) == 0)
			return &options[i];
	return NULL;
}

/* false: one of that kind too many. */
static bool
set_option(struct tool_args *out, const struct option *o, const char *value)
{
	switch (o->bit) {
	case TOOL_ARGS_JSON:
		out->has_json = true;
		break;
	case TOOL_ARGS_PASSWORD_STDIN:
		out->has_password_stdin = true;
		break;
	case TOOL_ARGS_USER:
		out->user = value;
		break;
	case TOOL_ARGS_ALL:
		out->has_all = true;
		break;
	case TOOL_ARGS_HTPASSWD:
		out->has_htpasswd = true;
		break;
	case TOOL_ARGS_CSV:
		out->has_csv = true;
		break;
	case TOOL_ARGS_GROUP:
		if (out->n_groups == TOOL_ARGS_GROUPS_MAX)
			return false;
		out->groups[out->n_groups++] = value;
		break;
	default:
		out->conf = value;
		break;
	}
	return true;
}

/* The command of one or two words; *used says how many. */
static const struct tool_args_command *
find_command(const struct tool_args_command *commands, const char *group,
    const char *verb, size_t *used)
{
	for (const struct tool_args_command *c = commands; c->group != NULL;
	     c++) {
		if (strcmp(c->group, group) != 0)
			continue;
		if (c->verb == NULL) {
			*used = 1;
			return c;
		}
		if (verb != NULL && strcmp(c->verb, verb) == 0) {
			*used = 2;
			return c;
		}
	}
	return NULL;
}

/* The word as the table has it, or NULL. */
static const char *
find_group(const struct tool_args_command *commands, const char *word)
{
	for (; commands->group != NULL; commands++)
		if (strcmp(commands->group, word) == 0)
			return commands->group;
	return NULL;
}

enum tool_args_err
tool_args_parse(const struct tool_args_command *commands, int argc,
    char *const *argv, struct tool_args *out, const char **word)
{
	const char *words[TOOL_ARGS_OPERANDS_MAX + 2];
	const char *extra = NULL;
	const char *stray = NULL; /* first option outside its command */
	enum tool_args_err err = TOOL_ARGS_OK; /* of the first bad option */
	size_t n = 0, used = 0;
	unsigned given = 0;
	bool is_over = false;

	memset(out, 0, sizeof(*out));
	*word = "";
	for (int i = 1; i < argc; i++) {
		if (is_over || argv[i][0] != '-' || argv[i][1] == '\0') {
			if (n < sizeof(words) / sizeof(words[0]))
				words[n++] = argv[i];
			else if (extra == NULL)
				extra = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			is_over = true;
			continue;
		}
		const struct option *o = find_option(argv[i]);
		if (o == NULL || (o->has_value && i + 1 == argc)) {
			if (err == TOOL_ARGS_OK) {
				err = o == NULL ? TOOL_ARGS_UNKNOWN_OPTION
						: TOOL_ARGS_NO_VALUE;
				*word = argv[i];
			}
			continue;
		}
		if (!set_option(out, o, o->has_value ? argv[++i] : NULL) &&
		    err == TOOL_ARGS_OK) {
			err = TOOL_ARGS_MANY;
			*word = argv[i];
		}
		given |= o->bit;
	}

	if (n > 0) {
		out->group = find_group(commands, words[0]);
		out->command = find_command(
		    commands, words[0], n > 1 ? words[1] : NULL, &used);
	}
	if (err != TOOL_ARGS_OK)
		return err;
	if (n == 0)
		return TOOL_ARGS_NO_COMMAND;
	if (out->command == NULL) {
		if (out->group == NULL)
			*word = words[0];
		else if (n > 1)
			*word = words[1];
		else
			return TOOL_ARGS_NO_COMMAND;
		return TOOL_ARGS_UNKNOWN_COMMAND;
	}
	for (size_t i = 0; i < N_OPTIONS && stray == NULL; i++)
		if (given & options[i].bit & ~out->command->options)
			stray = options[i].name;
	if (stray != NULL) {
		*word = stray;
		return TOOL_ARGS_UNKNOWN_OPTION;
	}
	if (n - used < out->command->min)
		return TOOL_ARGS_FEW;
	if (n - used > out->command->max) {
		*word = words[used + out->command->max];
		return TOOL_ARGS_MANY;
	}
	if (extra != NULL) {
		*word = extra;
		return TOOL_ARGS_MANY;
	}
	out->n = n - used;
	for (size_t i = 0; i < out->n; i++)
		out->operands[i] = words[used + i];
	return TOOL_ARGS_OK;
}

const char *
tool_args_strerror(enum tool_args_err err)
{
	switch (err) {
	case TOOL_ARGS_OK:
		return "ok";
	case TOOL_ARGS_NO_COMMAND:
		return "a command is missing";
	case TOOL_ARGS_UNKNOWN_COMMAND:
		return "unknown command: ";
	case TOOL_ARGS_UNKNOWN_OPTION:
		return "not an option here: ";
	case TOOL_ARGS_NO_VALUE:
		return "a value is missing after ";
	case TOOL_ARGS_FEW:
		return "an argument is missing";
	case TOOL_ARGS_MANY:
		return "one argument too many: ";
	}
	return "?";
}

void
tool_args_print_usage(FILE *f, const struct tool_args_command *c)
{
	fprintf(f, "gatecast %s", c->group);
	if (c->verb != NULL)
		fprintf(f, " %s", c->verb);
	if (c->operands[0] != '\0')
		fprintf(f, " %s", c->operands);
	for (size_t i = 0; i < N_OPTIONS; i++)
		if ((c->options & options[i].bit) && options[i].usage != NULL)
			fprintf(f, " %s", options[i].usage);
	fputc('\n', f);
}
