/*
 * The daemon: everything put together, signals, time, and an orderly end.
 */
#ifndef WSD_SERVER_H
#define WSD_SERVER_H

#include "base/config.h"

#include <stddef.h>

struct server_opts {
	struct config *config; /* changed in place by a reload */
	const char *config_path; /* read again on SIGHUP; NULL: default one */
	const char *const *listen; /* in place of wsd.listen */
	size_t listen_count;
};

/* Runs until SIGTERM or SIGINT. 0, or -1: it could not start (logged). */
int server_run(const struct server_opts *opts);

#endif
