/*
 * Files by Landlock: what is not named here cannot be opened, made or removed.
 * What is only looked at by stat(2) is not Landlock's business. A rule holds
 * for the directory that is there now: another one put in its place is not
 * meant until the program starts again.
 */
#ifndef BASE_SANDBOX_FILES_H
#define BASE_SANDBOX_FILES_H

#include <stdbool.h>

enum sandbox_access {
	SANDBOX_READ,
	SANDBOX_WRITE, /* and read */
	SANDBOX_REMOVE, /* and nothing else */
};

struct sandbox_files {
	int fd; /* the rules; -1: no Landlock here */
	bool has_failed; /* logged */
};

/* Begins a set of rules. Its failure is kept until sandbox_files_enter. */
void sandbox_files_init(struct sandbox_files *f);

/*
 * Everything below the directory at path (or the file). One that is not there
 * yet: the nearest directory above it that is, but never "/".
 */
void sandbox_files_allow(
    struct sandbox_files *f, const char *path, enum sandbox_access access);

/* The directory that path is in: a file that is replaced by rename. */
void sandbox_files_allow_beside(
    struct sandbox_files *f, const char *path, enum sandbox_access access);

/* The rules hold from now on. Needs no_new_privs. 0, or -1 (logged). */
int sandbox_files_enter(struct sandbox_files *f);

#endif
