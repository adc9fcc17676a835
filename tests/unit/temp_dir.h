/*
 * The end of a temporary directory, with all below it.
 */
#ifndef TESTS_UNIT_TEMP_DIR_H
#define TESTS_UNIT_TEMP_DIR_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int
temp_dir_remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* 0, or -1 when something is left. */
static inline int
temp_dir_remove(const char *dir)
{
	return nftw(dir, temp_dir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
