/*
 * What the daemon knows of itself at one moment: for `gatecast status`, for
 * /metrics and for /healthz, so that the three cannot disagree.
 */
#ifndef WSD_OVERVIEW_H
#define WSD_OVERVIEW_H

#include "wsd/arrival.h"
#include "wsd/history.h"
#include "wsd/hub.h"

#include <stdbool.h>
#include <stdint.h>

struct overview {
	struct hub_stats hub;
	struct hub_memory memory;
	struct arrivals_stats arrivals;
	struct history_stats history; /* all 0: there is none on disk */
	int64_t started_ms; /* wall time */
	bool is_store_available;
	const char *refusal; /* why nobody can join; NULL: they can */
};

typedef void overview_look(void *arg, struct overview *out);

#endif
