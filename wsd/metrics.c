/*
 * Written anew for each reader, some thirty lines; nothing is kept for it.
 */
#include "wsd/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#define PREFIX "gatecast_"

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n",
	    name, help, name, type);
}

/* label NULL: none. */
static void
put(struct buf *out, const char *name, const char *label, const char *value,
    uint64_t n)
{
	if (label == NULL)
		buf_printf(out, PREFIX "%s %" PRIu64 "\n", name, n);
	else
		buf_printf(out, PREFIX "%s{%s=\"%s\"} %" PRIu64 "\n", name,
		    label, value, n);
}

static void
one(struct buf *out, const char *name, const char *type, uint64_t n,
    const char *help)
{
	head(out, name, type, help);
	put(out, name, NULL, NULL, n);
}

static void
put_connections(struct buf *out, const struct hub_stats *h)
{
	static const char *const protocols[HUB_PROTOCOLS] = {
	    [HUB_PLAIN] = "plain",
	    [HUB_GATECAST] = "gatecast.v1",
	};
	static const char *const resumes[HUB_RESUMES] = {
	    [HUB_RESUMED] = "resumed",
	    [HUB_RESUMED_GAP] = "gap",
	    [HUB_RESUME_FRESH] = "fresh",
	};
	size_t open = 0;

	head(out, "connections", "gauge", "Open connections.");
	for (size_t i = 0; i < HUB_PROTOCOLS; i++) {
		put(out, "connections", "protocol", protocols[i],
		    h->members[i]);
		open += h->members[i];
	}
	one(out, "connections_closing", "gauge", h->connections - open,
	    "Connections that wait for the answer to a close.");
	one(out, "users_online", "gauge", h->users,
	    "Users online, those within the grace before a leave too.");
	head(out, "joins_total", "counter", "Connections made.");
	for (size_t i = 0; i < HUB_PROTOCOLS; i++)
		put(out, "joins_total", "protocol", protocols[i], h->joins[i]);
	head(out, "resumes_total", "counter",
	    "Connections made with a cursor, by what became of it.");
	for (size_t i = 0; i < HUB_RESUMES; i++)
		put(out, "resumes_total", "result", resumes[i], h->resumes[i]);
	one(out, "disconnects_total", "counter", h->gone,
	    "Connections that ended, whoever ended them.");
}

static void
put_closes(struct buf *out, const struct hub_stats *h)
{
	char code[8];

	head(out, "closes_total", "counter",
	    "Connections that wsd closed, by close code.");
	for (size_t i = 0; i < HUB_CLOSES; i++) {
		bool is_listed = i < HUB_CLOSES - 1;
		if (is_listed)
			snprintf(code, sizeof(code), "%u", hub_close_codes[i]);
		put(out, "closes_total", "code", is_listed ? code : "other",
		    h->closes[i]);
	}
}

static void
put_traffic(struct buf *out, const struct hub_stats *h)
{
	one(out, "messages_total", "counter", h->messages,
	    "Messages said by users.");
	one(out, "messages_refused_total", "counter", h->too_fast,
	    "Messages refused because their user was too fast.");
	one(out, "deliveries_total", "counter", h->deliveries,
	    "Events handed to connections.");
	one(out, "writes_total", "counter", h->writes,
	    "Writes to connections.");
	one(out, "sent_bytes_total", "counter", h->sent_bytes,
	    "Bytes of frames handed to connections.");
	one(out, "received_bytes_total", "counter", h->received_bytes,
	    "Bytes of messages received.");
	one(out, "queue_bytes", "gauge", h->queued_bytes,
	    "Unsent bytes of answers to single connections.");
	one(out, "log_bytes", "gauge", h->log_bytes,
	    "Bytes of frames held for all readers and for history.");
	one(out, "history_messages", "gauge", h->history_messages,
	    "Messages kept for those who come back.");
	one(out, "history_bytes", "gauge", h->history_bytes,
	    "Bytes of history.");
	one(out, "sequence_number", "gauge", h->seq,
	    "Number of the newest event.");
}

static void
put_handshakes(struct buf *out, const struct arrivals_stats *a)
{
	char status[8];

	head(out, "handshakes_refused_total", "counter",
	    "Requests that did not become a connection, by HTTP status.");
	for (size_t i = 0; i < REFUSAL_STATUSES; i++) {
		snprintf(status, sizeof(status), "%d", refusal_status(i));
		put(out, "handshakes_refused_total", "status", status,
		    a->refused[i]);
	}
	one(out, "handshakes_cut_total", "counter", a->cut,
	    "Connections cut before their request was complete.");
}

static void
put_memory(struct buf *out, const struct hub_memory *m)
{
	one(out, "memory_limit_bytes", "gauge", (uint64_t)m->shares.total,
	    "wsd.max_memory; 0: no limit.");
	head(out, "memory_bytes", "gauge",
	    "What is used of it, by share; queues include leaving.");
	put(out, "memory_bytes", "share", "connections", m->connections);
	put(out, "memory_bytes", "share", "history", m->history);
	put(out, "memory_bytes", "share", "streams", m->streams);
	put(out, "memory_bytes", "share", "queues", m->queues);
	put(out, "memory_bytes", "share", "leaving", m->leaving);
}

static void
put_journal(struct buf *out, const struct history_stats *h)
{
	one(out, "journal_writes_total", "counter", h->writes,
	    "Records written to wsd's journal.");
	one(out, "journal_written_bytes_total", "counter", h->bytes,
	    "Bytes of these.");
	one(out, "journal_renewals_total", "counter", h->renewals,
	    "Times that the journal was begun anew.");
	one(out, "journal_errors_total", "counter", h->errors,
	    "Turns and renewals that could not be written.");
	head(out, "journal_sync_seconds", "summary",
	    "What it took to have the journal on disk.");
	buf_printf(out, PREFIX "journal_sync_seconds_sum %" PRIu64 ".%03u\n",
	    h->sync_ms / 1000, (unsigned)(h->sync_ms % 1000));
	put(out, "journal_sync_seconds_count", NULL, NULL, h->syncs);
}

void
metrics_format(struct buf *out, const struct overview *o)
{
	head(out, "build_info", "gauge", "The version, as a label.");
	put(out, "build_info", "version", GATECAST_VERSION, 1);
	head(out, "epoch_info", "gauge", "The epoch, as a label.");
	buf_printf(
	    out, PREFIX "epoch_info{epoch=\"%" PRIx64 "\"} 1\n", o->hub.epoch);
	one(out, "start_time_seconds", "gauge",
	    (uint64_t)(o->started_ms / 1000),
	    "When it started, seconds since 1970.");
	one(out, "store_available", "gauge", o->is_store_available,
	    "Whether sessions can be checked.");
	one(out, "joins_possible", "gauge", o->refusal == NULL,
	    "Whether /healthz says 200.");
	put_connections(out, &o->hub);
	put_closes(out, &o->hub);
	put_handshakes(out, &o->arrivals);
	put_traffic(out, &o->hub);
	put_journal(out, &o->history);
	put_memory(out, &o->memory);
}
