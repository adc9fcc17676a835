/*
 * A worker process: takes one request at a time off a shared listener.
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
 * Until SIGTERM or SIGINT, which must be blocked; the request at hand is
 * finished first, and those that wait for a hash slot. The process's exit
 * status.
 */
int worker_run(const struct worker_opts *opts);

#endif
