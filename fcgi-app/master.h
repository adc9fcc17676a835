/*
 * The parent of the workers: keeps their number, passes signals on, reloads.
 */
#ifndef FCGI_APP_MASTER_H
#define FCGI_APP_MASTER_H

#include "base/config.h"
#include "base/endpoint.h"
#include "fcgi-app/views.h"

#include <stdbool.h>

struct master_opts {
	const char *config_path; /* read again on SIGHUP; NULL: default one */
	struct config *config; /* changed by a reload */
	struct views *views; /* taken over; freed */
	struct endpoint *listener;
	bool is_gate; /* see worker.h */
	/* A process manager may have started others: they share hash slots. */
	bool has_copies;
	const char *listen; /* what --listen said; may be NULL */
};

/*
 * Until SIGTERM or SIGINT; SIGHUP reloads. The workers are gone when it
 * returns. In a worker process it returns too, when the worker is done.
 * The process's exit status.
 */
int master_run(const struct master_opts *opts);

/* log_init for this program. */
void master_init_log(const struct config *config);

#endif
