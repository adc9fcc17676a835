/*
 * A backup read back: whole and undamaged, or refused with the place, before
 * anything is done with it. Zeroed but for path, then read, verify, index in
 * this order. Each gives TOOL_OK, or says why not and gives the exit code.
 */
#ifndef TOOL_TOOL_BACKUP_FILE_H
#define TOOL_TOOL_BACKUP_FILE_H

#include "auth/backup.h"
#include "auth/users.h"

#include <stdbool.h>

struct tool_backup_entry {
	char key[USERS_KEY_SIZE];
	const char *value; /* into the file's bytes */
	size_t len;
	bool is_kept; /* the owner's own */
};

struct tool_backup_file {
	const char *path; /* "-": standard input */
	struct buf bytes;
	struct backup_reader reader; /* users: how many entries */
	struct tool_backup_entry *entries; /* by key */
};

/*
 * Before the tool becomes the owner of the store, who may not be allowed to
 * read it.
 */
int tool_backup_file_read(struct tool_backup_file *f);
int tool_backup_file_verify(struct tool_backup_file *f);

/* Names become keys under the secret of users; no two may be the same. */
int
tool_backup_file_index(struct tool_backup_file *f, const struct users *users);

/* NULL: no such user in it. */
struct tool_backup_entry *
tool_backup_file_find(struct tool_backup_file *f, const char *key);

void tool_backup_file_fini(struct tool_backup_file *f);

#endif
