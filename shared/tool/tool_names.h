/*
 * Which names are taken in the eyes of a reader: a new account's name must
 * not be one that can be mistaken for another's. Names are judged when they
 * are made and never again; accounts from before stay as they are.
 */
#ifndef TOOL_TOOL_NAMES_H
#define TOOL_TOOL_NAMES_H

#include "auth/users.h"
#include "base/buf.h"

struct tool_names;

/*
 * The names of all users as they are now. From here on it follows u, whose
 * observer it is, so it is made before users_begin and still right under the
 * lock. u outlives it.
 */
enum store_err tool_names_new(struct users *u, struct tool_names **out);
void tool_names_free(struct tool_names *n);

/*
 * Whether a canonical name may be given to a new account. instead_of (may be
 * NULL) is a user whose name it takes over, and who does not count. STORE_OK
 * with *why empty: it may; else *why is one line for a person. What it says
 * holds as long as the writer lock is held; that there is no account of that
 * very name is the caller's to check.
 */
enum store_err tool_names_check(struct tool_names *n, const char *name,
    const char *instead_of, struct buf *why);

/* Counts a name that is put and not committed yet, as in an import. */
enum store_err tool_names_add(struct tool_names *n, const char *name);

#endif
