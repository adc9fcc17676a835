/*
 * The space kept free for deletes: a file that is given up when the disk is
 * full, so that signing out and ending sessions still succeed.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

#include "store/files.h"

#include <stdbool.h>
#include <stdint.h>

#define RESERVE_FILE "reserve"

/* STORE_OK when it is there in full; bytes <= 0: none is wanted. */
enum store_err reserve_ensure(struct files *f, int64_t bytes);

/* false: there was none, or its space could not be had back. */
bool reserve_release(struct files *f);

#endif
