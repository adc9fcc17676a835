/*
 * What the hub has counted, gathered; counting itself is one addition where
 * it happens.
 */
#include "wsd/hub_impl.h"

#include <string.h>

_Static_assert(HUB_PROTOCOLS == FANOUT_ENCODINGS, "one encoding each");

void
hub_get_stats(const struct hub *h, struct hub_stats *out)
{
	const struct fanout *f = &h->room.fanout;
	const struct stream *log = &f->streams[HUB_GATECAST];

	*out = (struct hub_stats){
	    .connections = f->count,
	    .users = h->room.presence.online,
	    .epoch = h->room.epoch,
	    .seq = h->room.seq,
	    .gone = h->gone,
	    .too_fast = h->too_fast,
	    .received_bytes = h->received_bytes,
	    .sent_bytes = f->sent_bytes,
	    .messages = h->messages,
	    .deliveries = f->deliveries,
	    .writes = f->writes,
	    .slow_closed = f->slow_closed,
	    .queued_bytes = f->queued_bytes,
	    .history_messages = log->kept_said,
	    .history_bytes = stream_kept_bytes(log),
	};
	memcpy(out->joins, h->joined, sizeof(out->joins));
	memcpy(out->resumes, h->resumes, sizeof(out->resumes));
	memcpy(out->closes, f->closes, sizeof(out->closes));
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++) {
		out->members[i] = f->members[i];
		out->log_bytes += stream_held_bytes(&f->streams[i]);
	}
}

void
hub_get_memory(const struct hub *h, struct hub_memory *out)
{
	const struct fanout *f = &h->room.fanout;
	const struct stream *log = &f->streams[HUB_GATECAST];

	*out = (struct hub_memory){
	    .shares = h->room.shares,
	    .connections = f->count * CONFIG_MEMORY_CONNECTION,
	    .history =
		stream_kept_bytes(log) + log->kept_said * CONFIG_MEMORY_MESSAGE,
	    .queues = fanout_memory(f),
	    .leaving = f->leaving,
	};
	for (size_t i = 0; i < FANOUT_ENCODINGS; i++)
		out->streams += stream_held_bytes(&f->streams[i]);
	out->streams -= stream_kept_bytes(log);
}
