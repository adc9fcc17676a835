#include "wsd/admission.h"

#include "base/log.h"

#include <stdint.h>

static void
audit(const char *event, int status, const char *why, const char *user,
    const char *address)
{
	char number[4] = {(char)('0' + status / 100 % 10),
	    (char)('0' + status / 10 % 10), (char)('0' + status % 10), '\0'};
	const struct log_field fields[] = {
	    {"status", status != 0 ? number : NULL, SIZE_MAX},
	    {"user", user, SIZE_MAX},
	    {"address", address, SIZE_MAX},
	    {"why", why, SIZE_MAX},
	};
	log_audit(event, fields, sizeof(fields) / sizeof(fields[0]));
}

#define STORE_AWAY "sessions cannot be checked at the moment"

/* NULL, or why not, and with which status. */
static const char *
may_join(
    const struct hub *h, const char *user, const char *address, int *status)
{
	*status = 503;
	switch (hub_may_join(h, user, address)) {
	case HUB_OK:
		return NULL;
	case HUB_USER_FULL:
		*status = 429;
		return "too many connections of this user";
	case HUB_ADDRESS_FULL:
		*status = 429;
		return "too many connections from this address";
	case HUB_FULL:
		return "full";
	case HUB_DRAINING:
		return "shutting down";
	case HUB_NOMEM:
	case HUB_INVALID:
		break;
	}
	return "out of memory";
}

/* The session, then room. */
static int
admit(const struct admission *to, const struct handshake_accept *a,
    struct record_session *session, char key[static SESSIONS_KEY_SIZE],
    const char **why)
{
	int status;

	switch (revocation_validate(
	    to->revocation, a->token.bytes, a->token.n, session, key)) {
	case SESSIONS_VALID:
		break;
	case SESSIONS_UNAVAILABLE:
		*why = STORE_AWAY;
		return 503;
	case SESSIONS_BAD_TOKEN:
	case SESSIONS_UNKNOWN:
	case SESSIONS_EXPIRED:
		*why = "no valid session";
		return 401;
	}
	const char *refusal =
	    may_join(to->hub, session->user, a->address, &status);
	if (refusal == NULL)
		return 0;
	*why = refusal;
	return status;
}

int
admission_decide(
    void *arg, int fd, const struct handshake_request *r, const char **why)
{
	const struct admission *to = arg;
	struct handshake_accept a;
	struct record_session session = {.user = ""};
	char key[SESSIONS_KEY_SIZE];

	int status = handshake_check(r, to->config, &a, why);
	if (status == 0)
		status = admit(to, &a, &session, key, why);
	if (status != 0) {
		/* Who asks wrongly is noise; who may not is an event. */
		if (status == 400 || status == 404 || status == 405 ||
		    status == 426)
			log_debug("refused %d: %s", status, *why);
		else
			audit("refuse", status, *why,
			    session.user[0] != '\0' ? session.user : NULL,
			    a.address);
		return status;
	}
	const struct hub_join join = {
	    .user = session.user,
	    .session_key = key,
	    .address = a.address,
	    .protocol = a.protocol,
	    .session_end_s = record_session_end_s(&session),
	    .has_cursor = a.has_cursor,
	    .cursor_epoch = a.cursor_epoch,
	    .cursor_seq = a.cursor_seq,
	};
	if (transport_lws_adopt(
		to->transport, fd, a.key.bytes, a.key.n, &join) == 0)
		audit("join", 0, NULL, session.user, a.address);
	return 0;
}

const char *
admission_refusal(const struct admission *a)
{
	int status;
	const char *refusal = may_join(a->hub, "", "", &status);

	if (refusal == NULL && !revocation_is_available(a->revocation))
		refusal = STORE_AWAY;
	return refusal;
}
