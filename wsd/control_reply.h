/*
 * What the daemon does for an administrator, and the line it answers with:
 *   {"ok":true, ...}
 *   {"ok":false,"code":WORD,"error":S}   WORD: refused, not_found, denied
 * and beside "ok":true
 *   publish  nothing
 *   who      "users":[{"user":S,"since":N,"connections":N}]
 *   status   see put_status
 *   kick     "closed":N   connections
 *   drain    "closing":N  connections, over the next seconds
 * Times are seconds since 1970.
 */
#ifndef WSD_CONTROL_REPLY_H
#define WSD_CONTROL_REPLY_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "wsd/hub.h"
#include "wsd/loop.h"
#include "wsd/overview.h"

#include <stddef.h>
#include <sys/types.h>

struct control_actions {
	struct hub *hub;
	const struct config *config;
	overview_look *look;
	void *look_arg;
	loop_fn *drain;
	void *drain_arg;
};

/* Does what the line (without its end) says and appends the answer. */
void control_reply(const struct control_actions *a, const char *line, size_t n,
    uid_t uid, struct buf *out);

/* An answer to what never became a request. */
void control_reply_refusal(struct buf *out, const char *code, const char *why);

#endif
