/*
 * gatecast-tool: the work on records behind scripts/gatecast, one command a
 * run. It asks nothing of a person: the script does that.
 */
#include "auth/crypto.h"
#include "base/log.h"
#include "tool/tool.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int print_help(struct tool *t);
static int print_version(struct tool *t);

#define JSON TOOL_ARGS_JSON
#define SECRET TOOL_ARGS_PASSWORD_STDIN

/* group, verb, operands, how many, options, needs the configuration, ... */
static const struct tool_args_command commands[] = {
    {"user", "add", "NAME", 1, 1, TOOL_ARGS_GROUP | SECRET, true, tool_user_add,
	"make an account"},
    {"user", "passwd", "NAME", 1, 1, SECRET, true, tool_user_passwd,
	"set a password; ends the user's sessions"},
    {"user", "list", "", 0, 0, JSON, true, tool_user_list, "all accounts"},
    {"user", "show", "NAME", 1, 1, JSON, true, tool_user_show, "one account"},
    {"user", "lock", "NAME", 1, 1, 0, true, tool_user_lock,
	"no more logins; ends the user's sessions"},
    {"user", "unlock", "NAME", 1, 1, 0, true, tool_user_unlock, "logins again"},
    {"user", "del", "NAME", 1, 1, 0, true, tool_user_del,
	"delete the account and end its sessions"},
    {"user", "join", "NAME GROUP", 2, 2, 0, true, tool_user_join,
	"put the user into a group, at once"},
    {"user", "leave", "NAME GROUP", 2, 2, 0, true, tool_user_leave,
	"take the user out of a group, at once"},
    {"user", "rename", "OLD NEW", 2, 2, 0, true, tool_user_rename,
	"another name for the account; ends its sessions"},
    {"user", "import", "FILE", 1, 1, 0, true, tool_user_import,
	"add the accounts of an htpasswd or CSV file (- for standard input), "
	"all or none"},
    {"user", "export", "", 0, 0, TOOL_ARGS_HTPASSWD | TOOL_ARGS_CSV, true,
	tool_user_export,
	"all accounts with their hashes, as CSV or for a web server"},
    {"session", "list", "[NAME]", 0, 1, JSON, true, tool_session_list,
	"who is signed in, from where"},
    {"session", "revoke", "ID | --user NAME | --all", 0, 1,
	TOOL_ARGS_USER | TOOL_ARGS_ALL, true, tool_session_revoke,
	"end one session, a user's, or all"},
    {"key", "list", "", 0, 0, JSON, true, tool_key_list,
	"the keys that sign cookies"},
    {"key", "rotate", "", 0, 0, 0, true, tool_key_rotate,
	"sign with a new key; sessions stay valid"},
    {"store", "init", "", 0, 0, 0, true, tool_store_init,
	"make what is missing of stores and keyring"},
    {"store", "check", "", 0, 0, 0, true, tool_store_check,
	"read every record"},
    {"store", "stats", "", 0, 0, JSON, true, tool_store_stats,
	"sizes and generations"},
    {"store", "checkpoint", "", 0, 0, 0, true, tool_store_checkpoint,
	"write new bases without their journals' history"},
    {"store", "dump", "[STORE]", 0, 1, 0, true, tool_store_dump,
	"every record as text, password hashes included"},
    {"store", "backup", "FILE", 1, 1, 0, true, tool_store_backup,
	"all accounts into a file (- for standard output), while in use"},
    {"store", "restore", "FILE", 1, 1, 0, true, tool_store_restore,
	"the accounts of a backup in place of all there are"},
    {"throttle", "list", "", 0, 0, JSON, true, tool_throttle_list,
	"who has failed to sign in, and has to wait"},
    {"throttle", "clear", "NAME|ADDRESS", 1, 1, 0, true, tool_throttle_clear,
	"forget the failures of an account or an address"},
    {"publish", NULL, "[--user NAME] [TEXT]", 0, 1, TOOL_ARGS_USER, true,
	tool_publish,
	"a notice to all who are connected, or a message as that user; "
	"without TEXT from standard input"},
    {"who", NULL, "", 0, 0, JSON, true, tool_who, "who is online"},
    {"status", NULL, "", 0, 0, JSON, true, tool_status, "how wsd is doing"},
    {"kick", NULL, "NAME|SESSION [REASON]", 1, 2, 0, true, tool_kick,
	"close a user's or a session's connections; no session ends"},
    {"drain", NULL, "", 0, 0, 0, true, tool_drain,
	"close all connections gently, then end wsd; it is started again"},
    {"config", "check", "", 0, 0, 0, true, tool_config_check,
	"is the configuration good?"},
    {"config", "show", "", 0, 0, 0, true, tool_config_show,
	"every key with its effective value"},
    {"doctor", NULL, "[FILE]", 0, 1, JSON, true, tool_doctor,
	"what does not work, why, and what mends it"},
    {"help", NULL, "[COMMAND]", 0, 2, 0, false, print_help, "this"},
    {"version", NULL, "", 0, 0, 0, false, print_version, "the version"},
    {NULL, NULL, NULL, 0, 0, 0, false, NULL, NULL},
};

/* Those of a group (NULL: all) and verb (NULL: all); gives their number. */
static size_t
print_commands(const char *group, const char *verb)
{
	size_t shown = 0;

	for (const struct tool_args_command *c = commands; c->group != NULL;
	     c++) {
		if ((group != NULL && strcmp(group, c->group) != 0) ||
		    (verb != NULL &&
			(c->verb == NULL || strcmp(verb, c->verb) != 0)))
			continue;
		tool_args_print_usage(stdout, c);
		printf("    %s\n", c->help);
		shown++;
	}
	return shown;
}

static int
print_all(void)
{
	puts("usage: gatecast [-c FILE] COMMAND\n");
	print_commands(NULL, NULL);
	puts("\nConfiguration: " CONFIG_PATH_DEFAULT ", or -c FILE.\n"
	     "Exit: 0 ok, 1 refused, 2 usage, 3 not found, 4 store or "
	     "daemon not reachable.");
	return TOOL_OK;
}

static int
print_help(struct tool *t)
{
	const char *group = t->args.n > 0 ? t->args.operands[0] : NULL;
	const char *verb = t->args.n > 1 ? t->args.operands[1] : NULL;

	if (group == NULL)
		return print_all();
	if (print_commands(group, verb) > 0)
		return TOOL_OK;
	return tool_fail(TOOL_USAGE,
	    "no such command: %s%s%s; see `gatecast help`", group,
	    verb == NULL ? "" : " ", verb == NULL ? "" : verb);
}

/* --help behind what it is asked about. */
static int
print_option_help(const struct tool_args *a)
{
	if (a->group == NULL)
		return print_all();
	print_commands(a->group, a->command == NULL ? NULL : a->command->verb);
	return TOOL_OK;
}

static int
print_version(struct tool *t)
{
	(void)t;
	puts("gatecast " GATECAST_VERSION);
	return TOOL_OK;
}

static int
print_usage(enum tool_args_err err, const struct tool_args *a, const char *word)
{
	int code = tool_fail(TOOL_USAGE, "%s%s", tool_args_strerror(err), word);

	const char *lead = "usage: ";
	for (const struct tool_args_command *c = commands; c->group != NULL;
	     c++) {
		bool is_meant = a->command != NULL
		    ? a->command == c
		    : a->group != NULL && strcmp(a->group, c->group) == 0;
		if (!is_meant)
			continue;
		fputs(lead, stderr);
		tool_args_print_usage(stderr, c);
		lead = "       ";
	}
	if (a->group == NULL)
		fputs(
		    "usage: gatecast [-c FILE] COMMAND; see `gatecast help`\n",
		    stderr);
	return code;
}

/* The file, or the defaults where there is none and none was named. */
static int
load_config(struct tool *t)
{
	struct buf error = BUF_INIT;
	struct stat st;

	t->conf_path = t->args.conf;
	if (t->conf_path == NULL) {
		t->conf_path = CONFIG_PATH_DEFAULT;
		t->is_default =
		    lstat(t->conf_path, &st) == -1 && errno == ENOENT;
	}
	int rc = config_load(&t->config, t->args.conf, &error);
	if (rc == -1)
		fputs(buf_str(&error), stderr);
	buf_fini(&error);
	return rc;
}

/* What was cut short is not to pass for all there is. */
static int
end_output(int code)
{
	if (fflush(stdout) == EOF && code == TOOL_OK)
		return tool_fail_output();
	return ferror(stdout) && code == TOOL_OK ? TOOL_REFUSED : code;
}

int
main(int argc, char **argv)
{
	struct tool t = {.clock = clock_system()};
	const char *word;

	/* For the width of names in a table; whatever the user's locale is. */
	setlocale(LC_CTYPE, "C.UTF-8");
	enum tool_args_err err =
	    tool_args_parse(commands, argc, argv, &t.args, &word);
	if (err == TOOL_ARGS_UNKNOWN_OPTION &&
	    (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
		return end_output(print_option_help(&t.args));
	if (err != TOOL_ARGS_OK)
		return print_usage(err, &t.args, word);
	if (!t.args.command->is_configured)
		return end_output(t.args.command->run(&t));

	if (load_config(&t) == -1)
		return TOOL_REFUSED;
	log_init(&(struct log_opts){.ident = "gatecast",
	    .level = (enum log_level)t.config.log.level,
	    .has_audit = t.config.log.audit});
	int code;
	if (crypto_init() == -1)
		code = tool_fail(TOOL_REFUSED, "no source of random numbers");
	else
		code = t.args.command->run(&t);
	if (code == TOOL_UNREACHABLE && tool_is_stranger(&t))
		fputs("gatecast: you are neither root nor the owner of "
		      "store.dir\n",
		    stderr);
	config_fini(&t.config);
	return end_output(code);
}
