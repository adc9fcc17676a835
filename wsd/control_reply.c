/*
 * All of it at once, in the loop's thread: an answer is at most a walk over
 * those who are connected. User names need no escapes: their grammar has
 * neither quotes nor backslashes nor controls (name.h).
 */
#include "wsd/control_reply.h"

#include "base/log.h"
#include "wsd/control_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KICK_REASON "closed by the administrator"

static void
audit(const char *action, const char *user, uid_t uid)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)uid);
	const struct log_field fields[] = {
	    {"action", action, SIZE_MAX},
	    {"user", user[0] != '\0' ? user : NULL, SIZE_MAX},
	    {"uid", number, SIZE_MAX},
	};
	log_audit("admin", fields, sizeof(fields) / sizeof(fields[0]));
}

void
control_reply_refusal(struct buf *out, const char *code, const char *why)
{
	buf_printf(out, "{\"ok\":false,\"code\":\"%s\",\"error\":\"%s\"}\n",
	    code, why);
}

static void
publish(const struct control_actions *a, struct control_request *r, uid_t uid,
    struct buf *out)
{
	size_t max = (size_t)a->config->wsd.message_bytes;

	if (r->text_bytes > max) {
		buf_printf(out,
		    "{\"ok\":false,\"code\":\"refused\",\"error\":\"the text "
		    "has %zu bytes; wsd.message_bytes allows %zu\"}\n",
		    r->text_bytes, max);
		return;
	}
	int rc;
	if (r->user[0] == '\0') {
		rc = hub_notice(a->hub, r->text, r->text_bytes);
	} else {
		/* Somebody who is here is spelled as the others see them. */
		const char *online = hub_find_user(a->hub, r->user);
		rc = hub_say_as(a->hub, online != NULL ? online : r->user,
		    r->text, r->text_bytes);
	}
	if (rc == -1) {
		control_reply_refusal(
		    out, "refused", "it cannot be kept: no memory or disk");
		return;
	}
	audit("publish", r->user, uid);
	buf_puts(out, "{\"ok\":true}\n");
}

static void
put_user(void *arg, const char *name, int64_t since_ms, uint32_t connections)
{
	struct buf *out = arg;
	buf_printf(out,
	    "%s{\"user\":\"%s\",\"since\":%" PRId64 ",\"connections\":%" PRIu32
	    "}",
	    out->data[out->len - 1] == '[' ? "" : ",", name, since_ms / 1000,
	    connections);
}

static void
who(const struct control_actions *a, struct buf *out)
{
	if (buf_puts(out, "{\"ok\":true,\"users\":[") == 0)
		hub_each_user(a->hub, put_user, out);
	buf_puts(out, "]}\n");
}

static void
put_status(const struct control_actions *a, struct buf *out)
{
	struct overview o;

	a->look(a->look_arg, &o);
	buf_puts(out, "{\"ok\":true,\"version\":\"" GATECAST_VERSION "\"");
	buf_printf(out, ",\"started\":%" PRId64 ",\"joins\":\"%s\"",
	    o.started_ms / 1000, o.refusal == NULL ? "open" : o.refusal);
	buf_printf(out, ",\"store\":\"%s\"",
	    o.is_store_available ? "ok" : "unavailable");
	buf_printf(out, ",\"epoch\":\"%" PRIx64 "\",\"seq\":%" PRIu64,
	    o.hub.epoch, o.hub.seq);
	buf_printf(out, ",\"users\":%zu,\"gatecast_v1\":%zu,\"plain\":%zu",
	    o.hub.users, o.hub.members[HUB_GATECAST], o.hub.members[HUB_PLAIN]);
	buf_printf(out, ",\"messages\":%" PRIu64 ",\"queue_bytes\":%" PRIu64,
	    o.hub.messages, o.memory.queues);
	buf_printf(out,
	    ",\"history_messages\":%zu,\"history_bytes\":%" PRIu64 "}\n",
	    o.hub.history_messages, o.hub.history_bytes);
}

static void
kick(const struct control_actions *a, const struct control_request *r,
    uid_t uid, struct buf *out)
{
	const char *reason = r->reason[0] != '\0' ? r->reason : KICK_REASON;
	size_t closed = 0;

	switch (hub_kick(a->hub, r->who, reason, &closed)) {
	case HUB_KICK_OK:
		audit("kick", r->who, uid);
		buf_printf(out, "{\"ok\":true,\"closed\":%zu}\n", closed);
		return;
	case HUB_KICK_AMBIGUOUS:
		control_reply_refusal(out, "refused",
		    "more than one session begins so: give more of the id");
		return;
	case HUB_KICK_NOBODY:
		break;
	}
	control_reply_refusal(
	    out, "not_found", "nobody is connected by that name or session id");
}

static void
drain(const struct control_actions *a, uid_t uid, struct buf *out)
{
	audit("drain", "", uid);
	a->drain(a->drain_arg);
	buf_printf(out, "{\"ok\":true,\"closing\":%zu}\n", hub_count(a->hub));
}

void
control_reply(const struct control_actions *a, const char *line, size_t n,
    uid_t uid, struct buf *out)
{
	struct control_request r;
	enum control_request_err err = control_request_parse(line, n, &r);

	if (err != CONTROL_REQUEST_OK) {
		control_reply_refusal(
		    out, "refused", control_request_strerror(err));
	} else {
		switch (r.command) {
		case CONTROL_PUBLISH:
			publish(a, &r, uid, out);
			break;
		case CONTROL_WHO:
			who(a, out);
			break;
		case CONTROL_STATUS:
			put_status(a, out);
			break;
		case CONTROL_KICK:
			kick(a, &r, uid, out);
			break;
		case CONTROL_DRAIN:
			drain(a, uid, out);
			break;
		}
	}
	control_request_fini(&r);
}
