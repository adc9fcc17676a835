/*
 * A worker process: reads several requests at once off a shared listener and
 * answers one at a time.
 */
#ifndef FCGI_APP_WORKER_H
#define FCGI_APP_WORKER_H

#include "base/config.h"
#include "fcgi-app/lobby.h"
#include "fcgi-app/slots.h"
#include "fcgi-app/views.h"

#include <stdbool.h>

struct worker_opts {
	int listener; /* non-blocking */
	const struct config *config;
	const struct views *views;
	const struct slots *slots;
	const struct lobby *lobby;
	bool is_gate; /* other roles than Authorizer are refused */
};

/*
 * Until SIGTERM, SIGINT or SIGHUP, which must be blocked. Lets in nobody
 * more then, and answers whom it has let in and those who wait for a hash
 * slot. Who has not sent a whole request yet has as much time as ever after
 * SIGHUP, else CONN_STOP_GRACE_MS. The process's exit status.
 */
int worker_run(const struct worker_opts *opts);

#endif
