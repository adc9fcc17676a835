/*
 * What all commands of gatecast-tool stand on: the effective configuration,
 * the exit codes, and the stores opened with one way to say why not.
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include "auth/sessions.h"
#include "auth/throttle.h"
#include "auth/users.h"
#include "base/clock.h"
#include "base/config.h"
#include "store/store.h"
#include "tool/tool_args.h"

#include <stdbool.h>

/* Also in scripts/gatecast and the manual. */
enum tool_exit {
	TOOL_OK = 0,
	TOOL_REFUSED = 1, /* the reason is on stderr */
	TOOL_USAGE = 2,
	TOOL_NOTFOUND = 3,
	TOOL_UNREACHABLE = 4, /* store or daemon */
};

struct tool_names;

struct tool {
	struct config config;
	const char *conf_path;
	bool is_default; /* no file: defaults */
	struct tool_args args;
	const struct clock *clock;
};

/* "gatecast: ..." on stderr; gives code back. */
int tool_fail(enum tool_exit code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The same for a store's failure: what was being done, the cause, and detail
 * ("PATH: what is wrong and what to do"; NULL or "" for none) in its place
 * when there is one.
 */
int tool_fail_store(enum store_err err, const char *doing, const char *detail);

int tool_fail_users(enum store_err err, const struct users *u); /* a write */
int tool_fail_unknown(const char *name);
int tool_fail_output(void); /* standard output; errno says why */

/* A canonical name. TOOL_OK, or the exit code and why. */
int tool_check_name(const char *typed, char name[static NAME_SIZE]);

/* The same of operand i. */
int tool_read_name(const struct tool *t, size_t i, char name[static NAME_SIZE]);

/*
 * Open, or say why not. TOOL_OK or the exit code. Run by root, the tool
 * first becomes the owner of store.dir, so that no file in it turns out to
 * be root's, which login.fcgi could then not write.
 */
int tool_open_users(struct tool *t, bool is_writer, struct users **out);
int tool_open_sessions(struct tool *t, bool is_writer, struct sessions **out);
int tool_open_throttle(struct tool *t, bool is_writer, struct throttle **out);

/*
 * A transaction on the users: begin locks, and commit takes the exit code of
 * what was done in between. On TOOL_OK it commits, else it gives up. TOOL_OK
 * or the exit code.
 */
int tool_begin_users(struct users *u);
int tool_commit_users(struct users *u, int code);

/* Becomes the owner of store.dir; TOOL_UNREACHABLE when it is not there. */
int tool_become_owner(struct tool *t);

/* Neither root nor the owner of store.dir. */
bool tool_is_stranger(const struct tool *t);

/*
 * In the transaction: that name may be given to an account. names and
 * instead_of: see tool/tool_names.h. TOOL_OK, or the exit code and why.
 */
int tool_check_free(struct users *u, struct tool_names *names, const char *name,
    const char *instead_of);

/* Ends all sessions of a user (all: NULL) and says how many. */
int tool_end_sessions(struct sessions *s, const char *user);

/* One audit line, "admin" with action, user (may be NULL) and who did it. */
void tool_audit(const char *action, const char *user);

/* The same with key=value beside it. */
void tool_audit_with(
    const char *action, const char *user, const char *key, const char *value);

/* The commands, each an entry of the table in main.c. */
int tool_user_add(struct tool *t);
int tool_user_passwd(struct tool *t);
int tool_user_list(struct tool *t);
int tool_user_show(struct tool *t);
int tool_user_lock(struct tool *t);
int tool_user_unlock(struct tool *t);
int tool_user_del(struct tool *t);
int tool_user_join(struct tool *t);
int tool_user_leave(struct tool *t);
int tool_user_rename(struct tool *t);
int tool_user_import(struct tool *t);
int tool_user_export(struct tool *t);
int tool_session_list(struct tool *t);
int tool_session_revoke(struct tool *t);
int tool_key_list(struct tool *t);
int tool_key_rotate(struct tool *t);
int tool_store_init(struct tool *t);
int tool_store_check(struct tool *t);
int tool_store_stats(struct tool *t);
int tool_store_checkpoint(struct tool *t);
int tool_store_dump(struct tool *t);
int tool_store_backup(struct tool *t);
int tool_store_restore(struct tool *t);
int tool_throttle_list(struct tool *t);
int tool_throttle_clear(struct tool *t);
int tool_publish(struct tool *t);
int tool_who(struct tool *t);
int tool_status(struct tool *t);
int tool_kick(struct tool *t);
int tool_drain(struct tool *t);
int tool_config_check(struct tool *t);
int tool_config_show(struct tool *t);
int tool_doctor(struct tool *t);

/*
 * What stands in store.dir beside the records: owners, and what was left
 * there. n: findings that ask for something to be done.
 */
void tool_check_files(const struct tool *t, uint64_t *n);

/*
 * Makes what is missing of stores and keyring in store.dir, one "made PATH"
 * line each. TOOL_OK or the exit code.
 */
int tool_store_make(struct tool *t);

/* The same where store.dir is an empty directory; else nothing. */
int tool_store_make_if_empty(struct tool *t);

#endif
