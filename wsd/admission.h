/*
 * Who may join: the request, then its session, then room. From a request
 * that is complete to a member of the hub, or to what it is refused with.
 */
#ifndef WSD_ADMISSION_H
#define WSD_ADMISSION_H

#include "base/config.h"
#include "wsd/handshake.h"
#include "wsd/hub.h"
#include "wsd/revocation.h"
#include "wsd/transport_lws.h"

/* All of it borrowed. */
struct admission {
	const struct config *config;
	struct hub *hub;
	struct revocation *revocation;
	struct transport_lws *transport;
};

/*
 * The arrivals' decide (arrival.h); arg: a struct admission. 0: the transport
 * has taken fd, joined or closed. Else the status of the answer, fd stays the
 * caller's, and *why (static) says why.
 */
int admission_decide(
    void *arg, int fd, const struct handshake_request *r, const char **why);

/* Why nobody at all could join now (static), or NULL. */
const char *admission_refusal(const struct admission *a);

#endif
