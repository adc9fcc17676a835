/*
 * A connection as the hub holds it, apart from what the flush touches for
 * everyone (fanout.h's seat): whose it is, its private queue, the message it
 * has not finished.
 */
#ifndef WSD_CLIENT_H
#define WSD_CLIENT_H

#include "wsd/frame.h"
#include "wsd/wheel.h"

#include <stddef.h>
#include <stdint.h>

struct held_session;
struct presence_user;
struct tally_entry;

/*
 * Frames for this connection alone. A hello may be longer than that; nothing
 * is added behind one that is.
 */
#define CLIENT_QUEUE_MAX 65536
#define CLIENT_NOT_SEEN INT64_MIN

struct client_queue {
	int64_t since_ms; /* seen unsent then, or CLIENT_NOT_SEEN */
	size_t sent; /* of the bytes */
	size_t n;
	size_t size;
	uint8_t bytes[];
};

struct client_partial {
	int64_t since_ms;
	size_t n;
	size_t size;
	uint8_t bytes[];
};

struct client {
	struct presence_user *user;
	struct held_session *session;
	struct client *session_prev, *session_next;
	struct tally_entry *address;
	struct client_queue *queue; /* NULL: empty */
	struct client_partial *partial; /* NULL: none begun */
	struct wheel_node ping;
	uint64_t resume_end; /* stream position at its join, if resumed */
	int64_t joined_ms;
	uint32_t seat; /* index */
	uint32_t queued_at; /* index, or CLIENT_NOT_QUEUED */
	uint32_t unanswered; /* pings */
	uint32_t kept; /* bytes of a frame in the transport's memory */
	uint32_t kernel; /* bytes it held when last looked at */
	uint32_t accounted; /* client_memory, as the fan-out last counted it */
};

#define CLIENT_NOT_QUEUED UINT32_MAX

static inline struct client *
client_of_ping(struct wheel_node *n)
{
	return (
	    struct client *)(void *)((char *)n - offsetof(struct client, ping));
}

struct client *client_new(void);
void client_free(struct client *c);

/* Queues one frame. 0, or -1: no memory, and nothing queued. */
int client_queue(
    struct client *c, enum frame_opcode opcode, const void *payload, size_t n);

/* Unsent bytes, which begin with a frame. */
const uint8_t *client_queued(const struct client *c, size_t *n);

/* The first n of them were sent. */
void client_sent(struct client *c, size_t n);

void client_drop_queue(struct client *c);

/* Bytes of memory of all that it holds beside itself. */
size_t client_memory(const struct client *c);

/* More of an unfinished message. 0, or -1: no memory. */
int client_collect(
    struct client *c, const uint8_t *bytes, size_t n, int64_t mono_ms);
void client_drop_partial(struct client *c);

#endif
