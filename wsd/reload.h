/*
 * SIGHUP: the configuration file read again. What can be changed while
 * running is, each key at its next use; the rest is named in the log. A file
 * that is no good changes nothing.
 */
#ifndef WSD_RELOAD_H
#define WSD_RELOAD_H

#include "base/config.h"

/* Into *live, from path (as config_load takes it). Told to the supervisor. */
void reload(struct config *live, const char *path);

#endif
