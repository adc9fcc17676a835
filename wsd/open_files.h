/*
 * The limit of open files, by wsd.max_connections. libwebsockets makes room
 * for as many as there can be when its context is made, so what is set by
 * then is all until a restart.
 */
#ifndef WSD_OPEN_FILES_H
#define WSD_OPEN_FILES_H

#include "base/config.h"

/* Raises the soft limit as far as it may; says so where that is too little. */
void open_files_raise(const struct config *c);

/* After a reload: says so when a restart is needed for max_connections. */
void open_files_check(const struct config *c);

#endif
